package android.content;

import android.Stub;
import android.database.Cursor;
import android.net.Uri;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.io.OutputStream;
import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

public abstract class ContentResolver {
    public final @Nullable InputStream openInputStream(@NotNull Uri uri) throws FileNotFoundException { throw new Stub(); }
    public final @Nullable OutputStream openOutputStream(@NotNull Uri uri, @NotNull String mode)
            throws FileNotFoundException { throw new Stub(); }
    public final @Nullable Cursor query(
            @NotNull Uri uri,
            @Nullable String[] projection,
            @Nullable String selection,
            @Nullable String[] selectionArgs,
            @Nullable String sortOrder) { throw new Stub(); }
}
