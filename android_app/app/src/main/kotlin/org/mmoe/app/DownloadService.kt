package org.mmoe.app

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.app.Service
import android.content.Context
import android.content.Intent
import android.os.IBinder
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch

/** Keeps the process while something downloads, and tells in a notification how far it is. */
class DownloadService : Service() {
    private val app get() = application as MmoeApplication
    private var watching: Job? = null

    override fun onBind(intent: Intent?): IBinder? = null

    override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
        if (intent?.action == PAUSE) app.downloads.pause()
        val manager = getSystemService(NotificationManager::class.java)
        manager.createNotificationChannel(
            NotificationChannel(CHANNEL, getString(R.string.downloads), NotificationManager.IMPORTANCE_LOW),
        )
        startForeground(NOTIFICATION, notification(app.downloads.state.value.running))
        watching = watching ?: app.mainScope.launch {
            app.downloads.state.collect { state ->
                val running = state.running
                if (running == null) stopSelf() else manager.notify(NOTIFICATION, notification(running))
            }
        }
        // Killed, it would come back without its download, which waits to be resumed.
        return START_NOT_STICKY
    }

    /** From Android 15 on, after six hours in the background. */
    override fun onTimeout(startId: Int, type: Int) = app.downloads.pause()

    override fun onDestroy() {
        watching?.cancel()
        super.onDestroy()
    }

    private fun notification(download: Download?): Notification {
        val open = PendingIntent.getActivity(this, 0, Intent(this, ModelsActivity::class.java), PendingIntent.FLAG_IMMUTABLE)
        val pause = PendingIntent.getService(
            this, 0, Intent(this, DownloadService::class.java).setAction(PAUSE), PendingIntent.FLAG_IMMUTABLE,
        )
        return Notification.Builder(this, CHANNEL)
            .setSmallIcon(android.R.drawable.stat_sys_download)
            .setContentTitle(download?.name ?: getString(R.string.downloads))
            .setContentIntent(open)
            .setOnlyAlertOnce(true)
            .setProgress(PROGRESS, share(download, PROGRESS), download == null || download.totalBytes == 0L)
            .addAction(Notification.Action.Builder(null, getString(R.string.pause), pause).build())
            .build()
    }

    companion object {
        private const val CHANNEL = "downloads"
        private const val NOTIFICATION = 1
        private const val PROGRESS = 1000
        private const val PAUSE = "org.mmoe.app.PAUSE"

        fun start(context: Context) {
            context.startForegroundService(Intent(context, DownloadService::class.java))
        }

        /** How much of [whole] has come. */
        fun share(download: Download?, whole: Int): Int =
            if (download == null || download.totalBytes == 0L) 0 else (download.doneBytes.toDouble() / download.totalBytes * whole).toInt()
    }
}
