package android.database;

import java.io.Closeable;

public interface Cursor extends Closeable {
    @Override void close();
    long getLong(int columnIndex);
    String getString(int columnIndex);
    boolean moveToNext();
}
