package android.app;

import android.Stub;
import android.content.ContextWrapper;
import android.content.Intent;
import android.os.Bundle;
import android.view.View;
import org.jetbrains.annotations.Nullable;

public class Activity extends ContextWrapper {
    public static final int RESULT_OK = -1;
    public Activity() { super(null); }
    public <T extends View> T findViewById(int id) { throw new Stub(); }
    public final Application getApplication() { throw new Stub(); }
    protected void onActivityResult(int requestCode, int resultCode, Intent data) { throw new Stub(); }
    protected void onCreate(@Nullable Bundle savedInstanceState) { throw new Stub(); }
    protected void onStart() { throw new Stub(); }
    protected void onStop() { throw new Stub(); }
    public void setContentView(int layoutResID) { throw new Stub(); }
    public void startActivityForResult(Intent intent, int requestCode) { throw new Stub(); }
}
