package android.widget;

import android.Stub;
import android.content.Context;
import android.view.View;

public class ProgressBar extends View {
    public ProgressBar(Context context) { super(context); }
    public synchronized int getMax() { throw new Stub(); }
    public synchronized int getProgress() { throw new Stub(); }
    public synchronized boolean isIndeterminate() { throw new Stub(); }
    public synchronized void setIndeterminate(boolean indeterminate) { throw new Stub(); }
    public synchronized void setMax(int max) { throw new Stub(); }
    public synchronized void setProgress(int progress) { throw new Stub(); }
}
