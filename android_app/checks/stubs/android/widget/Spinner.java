package android.widget;

import android.Stub;
import android.content.Context;

public class Spinner extends AdapterView<SpinnerAdapter> {
    public Spinner(Context context) { super(context); }
    @Override public SpinnerAdapter getAdapter() { throw new Stub(); }
    @Override public void setAdapter(SpinnerAdapter adapter) { throw new Stub(); }
    @Override public void setSelection(int position) { throw new Stub(); }
}
