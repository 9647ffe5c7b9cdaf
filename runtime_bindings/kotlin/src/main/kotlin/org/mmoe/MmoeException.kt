package org.mmoe

/** Why a call failed: one subclass for each status of the C ABI. The message is the library's own sentence. */
public sealed class MmoeException(message: String) : Exception(message) {
    /** A value outside its range: an id outside the vocabulary, an empty prompt, ... */
    public class InvalidArgument(message: String) : MmoeException(message)

    /** A file or folder does not exist. */
    public class NotFound(message: String) : MmoeException(message)

    /** A file is cut, altered or not what its name says. */
    public class Corrupt(message: String) : MmoeException(message)

    /** The artifact was made for another version; the message names both. */
    public class Version(message: String) : MmoeException(message)

    /** The tokens do not fit behind the position; nothing was run. */
    public class ContextFull(message: String) : MmoeException(message)

    /** Another thread is inside this session. */
    public class Busy(message: String) : MmoeException(message)

    /** [Session.cancel] ended the call. */
    public class Cancelled(message: String) : MmoeException(message)

    /** The model or session was closed, maybe during the call. */
    public class Closed(message: String) : MmoeException(message)

    /** Memory, address space or file descriptors ran out. */
    public class OutOfResources(message: String) : MmoeException(message)

    /** For example a tokenizer or a chat template that the library does not implement. */
    public class Unsupported(message: String) : MmoeException(message)

    /** Reading failed although the file is there. */
    public class Io(message: String) : MmoeException(message)

    /** The program failed while it ran. */
    public class ProgramFailed(message: String) : MmoeException(message)

    /** A status that this binding does not know. */
    public class Unknown(public val status: Int, message: String) : MmoeException(message)

    internal companion object {
        fun of(status: Int, message: String): MmoeException =
            when (status) {
                1 -> InvalidArgument(message)
                2 -> NotFound(message)
                3 -> Corrupt(message)
                4 -> Version(message)
                5 -> ContextFull(message)
                6 -> Busy(message)
                7 -> Cancelled(message)
                8 -> Closed(message)
                10 -> OutOfResources(message)
                11 -> Unsupported(message)
                12 -> Io(message)
                13 -> ProgramFailed(message)
                else -> Unknown(status, message)
            }
    }
}
