package org.mmoe.app

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Path
import android.util.AttributeSet
import android.view.View
import org.mmoe.benchmark.SustainedPoint

/** Speed over time as a line from the first point to the last; its description says the same to a screen reader. */
class CurveView(context: Context, attributes: AttributeSet) : View(context, attributes) {
    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeWidth = resources.displayMetrics.density * LINE_DP
        color = context.getColor(R.color.accent)
    }
    private var points: List<SustainedPoint> = emptyList()

    fun show(points: List<SustainedPoint>) {
        this.points = points
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val most = points.maxOfOrNull { it.tokensPerSecond } ?: return
        val last = points.last().seconds
        val path = Path()
        points.forEachIndexed { index, point ->
            val x = (point.seconds / last * width).toFloat()
            val y = (height * (1 - point.tokensPerSecond / most)).toFloat() + line.strokeWidth
            if (index == 0) path.moveTo(x, y) else path.lineTo(x, y)
        }
        canvas.drawPath(path, line)
    }

    private companion object {
        const val LINE_DP = 2
    }
}
