package android.widget;

import android.Stub;
import android.content.Context;
import android.view.ViewGroup;

public abstract class AdapterView<T extends Adapter> extends ViewGroup {
    public AdapterView(Context context) { super(context); }
    public abstract T getAdapter();
    public Object getSelectedItem() { throw new Stub(); }
    public int getSelectedItemPosition() { throw new Stub(); }
    public abstract void setAdapter(T adapter);
    public abstract void setSelection(int position);
}
