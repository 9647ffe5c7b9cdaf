package android.widget;

import android.Stub;
import android.content.Context;
import android.view.View;

public class TextView extends View {
    public TextView(Context context) { super(context); }
    public CharSequence getText() { throw new Stub(); }
    public final void setText(CharSequence text) { throw new Stub(); }
}
