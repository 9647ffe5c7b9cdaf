package android.content.res;

import android.Stub;
import java.io.IOException;
import java.io.InputStream;
import org.jetbrains.annotations.NotNull;

public final class AssetManager {
    public @NotNull InputStream open(@NotNull String fileName) throws IOException { throw new Stub(); }
}
