package android.content;

import android.Stub;
import android.content.res.AssetManager;
import java.io.File;
import org.jetbrains.annotations.Nullable;

public class ContextWrapper extends Context {
    public ContextWrapper(Context base) { throw new Stub(); }
    @Override public AssetManager getAssets() { throw new Stub(); }
    @Override public ContentResolver getContentResolver() { throw new Stub(); }
    @Override public File getDir(String name, int mode) { throw new Stub(); }
    @Override public @Nullable File getExternalFilesDir(@Nullable String type) { throw new Stub(); }
    @Override public void startActivity(Intent intent) { throw new Stub(); }
}
