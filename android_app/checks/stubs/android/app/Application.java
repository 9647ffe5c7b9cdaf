package android.app;

import android.Stub;
import android.content.ContextWrapper;

public class Application extends ContextWrapper {
    public Application() { super(null); }
    public void onTrimMemory(int level) { throw new Stub(); }
}
