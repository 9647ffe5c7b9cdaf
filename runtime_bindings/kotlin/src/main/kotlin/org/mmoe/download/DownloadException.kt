package org.mmoe.download

import java.io.IOException

/** Why a download ended; the message is a sentence for people. What has come stays, unless it was wrong. */
public sealed class DownloadException(message: String, cause: Throwable? = null) : IOException(message, cause) {
    /** The server has no such file. */
    public class NotFound(message: String) : DownloadException(message)

    /** The server wants a token, or another one. */
    public class Refused(message: String) : DownloadException(message)

    /** What is there is no artifact. */
    public class NoArtifact(message: String) : DownloadException(message)

    /** A file is not the one that the manifest names, and was not a second time. */
    public class Damaged(message: String) : DownloadException(message)

    /** The storage has too little room, or cannot be written. */
    public class NoRoom(message: String, cause: Throwable? = null) : DownloadException(message, cause)

    /** The connection failed again and again. */
    public class Unreachable(message: String, cause: Throwable?) : DownloadException(message, cause)
}
