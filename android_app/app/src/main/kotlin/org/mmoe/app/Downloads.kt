package org.mmoe.app

import java.io.File
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.mmoe.download.ArtifactAddress
import org.mmoe.download.ArtifactDownload
import org.mmoe.download.Catalogue
import org.mmoe.download.CatalogueEntry
import org.mmoe.download.DownloadException

/** A download that has not ended. */
data class Download(
    val name: String,
    val address: String,
    val doneBytes: Long = 0,
    /** 0 before the server has said it. */
    val totalBytes: Long = 0,
    val running: Boolean = false,
    /** Why it stopped by itself. */
    val problem: String? = null,
)

/**
 * @property refusal what is wrong with an address.
 * @property catalogue models that can be had.
 */
data class DownloadsState(
    val downloads: List<Download> = emptyList(),
    val catalogue: List<CatalogueEntry> = emptyList(),
    val refusal: String? = null,
) {
    val running: Download? get() = downloads.firstOrNull { it.running }
}

/**
 * The downloads into the app's storage, without Android: those of an earlier process are there, paused. One runs at a time;
 * another one waits until it is asked for again. All functions on the thread of [scope].
 */
class Downloads(
    private val store: ArtifactStore,
    private val scope: CoroutineScope,
    catalogue: List<CatalogueEntry> = emptyList(),
    private val make: (ArtifactAddress, File, String?) -> ArtifactDownload = { address, target, token ->
        ArtifactDownload(address, target, token)
    },
    private val onArrival: (name: String) -> Unit,
) {
    private val mutableState =
        MutableStateFlow(DownloadsState(store.unfinishedDownloads().map { (name, address) -> Download(name, address) }, catalogue))
    private var job: Job? = null

    val state: StateFlow<DownloadsState> = mutableState.asStateFlow()

    /** Starts one from what somebody typed, see [ArtifactAddress.of]; the address of a list of models replaces the catalogue. */
    fun add(text: String, token: String) {
        if (Catalogue.isAddress(text)) {
            list(text, token)
            return
        }
        val address = try {
            ArtifactAddress.of(text)
        } catch (error: IllegalArgumentException) {
            mutableState.update { it.copy(refusal = error.message) }
            return
        }
        mutableState.update { state ->
            val others = state.downloads.filter { it.name != address.name || it.running }
            val known = others.any { it.name == address.name }
            state.copy(downloads = if (known) others else others + Download(address.name, text.trim()), refusal = null)
        }
        resume(address.name, token)
    }

    private fun list(address: String, token: String) {
        mutableState.update { it.copy(refusal = null) }
        scope.launch {
            try {
                val found = Catalogue.fetch(address, token.ifBlank { null })
                mutableState.update { it.copy(catalogue = found) }
            } catch (error: DownloadException) {
                mutableState.update { it.copy(refusal = error.message) }
            } catch (error: IllegalArgumentException) {
                mutableState.update { it.copy(refusal = error.message) }
            }
        }
    }

    /** Goes on with a paused one; [token] is kept nowhere. */
    fun resume(name: String, token: String) {
        val download = state.value.downloads.firstOrNull { it.name == name } ?: return
        if (job?.isActive == true) return
        change(name) { it.copy(running = true, problem = null) }
        job = scope.launch {
            val problem = try {
                val transfer = make(ArtifactAddress.of(download.address), store.folder(name), token.ifBlank { null })
                transfer.run { done, total -> change(name) { it.copy(doneBytes = done, totalBytes = total) } }
                mutableState.update { state -> state.copy(downloads = state.downloads.filter { it.name != name }) }
                onArrival(name)
                null
            } catch (error: DownloadException) {
                error.message
            } finally {
                change(name) { it.copy(running = false) }
            }
            change(name) { it.copy(problem = problem) }
        }
    }

    /** Stops the one that runs; what has come stays. */
    fun pause() {
        job?.cancel(CancellationException("paused"))
    }

    /** Deletes what has come of one. */
    fun delete(name: String) {
        val running = job.takeIf { state.value.running?.name == name }
        scope.launch {
            running?.cancel()
            running?.join()
            withContext(Dispatchers.IO) { store.discardDownload(name) }
            mutableState.update { state -> state.copy(downloads = state.downloads.filter { it.name != name }) }
        }
    }

    private fun change(name: String, change: (Download) -> Download) =
        mutableState.update { state -> state.copy(downloads = state.downloads.map { if (it.name == name) change(it) else it }) }
}
