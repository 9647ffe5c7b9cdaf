package org.mmoe.app

import android.app.Activity
import android.view.View
import android.widget.ProgressBar
import android.widget.TextView
import org.mmoe.benchmark.Protocol

fun Activity.onClick(id: Int, action: () -> Unit) = findViewById<View>(id).setOnClickListener { action() }

/** Sets the text if it is another one: setting the same one would end a selection and be read aloud again. */
fun Activity.text(id: Int, value: String) {
    val view = findViewById<TextView>(id)
    if (view.text.toString() != value) view.text = value
}

/** A bar where the end is known, a moving one where it is not, nothing when nothing runs. */
fun ProgressBar.show(work: Work) {
    visibility = if (work == Work.Idle) View.INVISIBLE else View.VISIBLE
    val share = when (work) {
        is Work.Copying -> work.doneBytes.toDouble() / maxOf(work.totalBytes, 1)
        is Work.Benchmark -> work.done.toDouble() / maxOf(work.total, 1)
        is Work.Sustained -> work.seconds / Protocol.SUSTAINED_SECONDS
        else -> null
    }
    isIndeterminate = share == null
    if (share != null) progress = (share * max).toInt()
}
