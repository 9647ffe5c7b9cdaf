package android.content;

import android.Stub;
import android.net.Uri;
import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

public class Intent {
    public static final String ACTION_CREATE_DOCUMENT = "android.intent.action.CREATE_DOCUMENT";
    public static final String ACTION_OPEN_DOCUMENT_TREE = "android.intent.action.OPEN_DOCUMENT_TREE";
    public static final String CATEGORY_OPENABLE = "android.intent.category.OPENABLE";
    public static final String EXTRA_TITLE = "android.intent.extra.TITLE";
    public Intent(String action) { throw new Stub(); }
    public Intent(Context packageContext, Class<?> cls) { throw new Stub(); }
    public @NotNull Intent addCategory(String category) { throw new Stub(); }
    public @Nullable Uri getData() { throw new Stub(); }
    public @NotNull Intent putExtra(String name, @Nullable String value) { throw new Stub(); }
    public @NotNull Intent setType(@Nullable String type) { throw new Stub(); }
}
