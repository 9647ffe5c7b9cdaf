package android.view;

import android.Stub;
import android.content.Context;
import org.jetbrains.annotations.Nullable;

public class View {
    public static final int FOCUS_DOWN = 0x00000082;
    public static final int INVISIBLE = 0x00000004;
    public static final int VISIBLE = 0x00000000;
    public View(Context context) { throw new Stub(); }
    public int getVisibility() { throw new Stub(); }
    public boolean isEnabled() { throw new Stub(); }
    public void setEnabled(boolean enabled) { throw new Stub(); }
    public void setOnClickListener(@Nullable OnClickListener l) { throw new Stub(); }
    public void setVisibility(int visibility) { throw new Stub(); }

    public interface OnClickListener {
        void onClick(View v);
    }
}
