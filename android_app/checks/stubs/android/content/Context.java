package android.content;

import android.Stub;
import android.content.res.AssetManager;
import java.io.File;
import java.util.concurrent.Executor;
import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

public abstract class Context {
    public static final int MODE_PRIVATE = 0;
    public abstract AssetManager getAssets();
    public abstract ContentResolver getContentResolver();
    public abstract File getDir(String name, int mode);
    public abstract @Nullable File getExternalFilesDir(@Nullable String type);
    public Executor getMainExecutor() { throw new Stub(); }
    public final @NotNull String getString(int resId) { throw new Stub(); }
    public final @NotNull String getString(int resId, Object... formatArgs) { throw new Stub(); }
    public abstract void startActivity(Intent intent);
}
