// Generates from an artifact on the JVM: text on stdout as it comes, figures on stderr. Exits with 0, 1 if the model or
// the run fails, 2 on wrong usage.

import java.io.File
import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking
import org.mmoe.Memory
import org.mmoe.Message
import org.mmoe.MmoeException
import org.mmoe.Model
import org.mmoe.Role
import org.mmoe.Sampling
import org.mmoe.Session

private const val USAGE = """usage: sample ARTIFACT PROMPT [--chat] [--max-new-tokens N] [--threads N]
       [--temperature T] [--seed N]
  --chat   PROMPT is a message to answer by the chat template, not a text to continue
  How tokens are chosen is the artifact's business unless an option says otherwise.
"""

private class Options(arguments: List<String>) {
    private val values = mutableMapOf<String, String>()
    private val positional = mutableListOf<String>()

    init {
        val rest = arguments.iterator()
        for (argument in rest) {
            when {
                argument == "--chat" -> values[argument] = ""
                argument in NAMED && rest.hasNext() -> values[argument] = rest.next()
                argument in NAMED -> throw UsageException("$argument needs a value")
                argument.startsWith("--") -> throw UsageException("unknown option $argument")
                else -> positional += argument
            }
        }
        if (positional.size != 2) throw UsageException("an artifact and a prompt are needed")
    }

    val artifact = File(positional[0])
    val prompt = positional[1]
    val chat = "--chat" in values
    val maxNewTokens = number("--max-new-tokens", 64) { it.toIntOrNull()?.takeIf { count -> count >= 1 } }
    val threads = number("--threads", 0) { it.toIntOrNull() }
    private val temperature = number("--temperature", null) { it.toFloatOrNull() }
    private val seed = number("--seed", 0L) { it.toLongOrNull() }

    fun sampling(artifacts: Sampling) = artifacts.copy(temperature = temperature ?: artifacts.temperature, seed = seed)

    private fun <T : Number?> number(name: String, default: T, parse: (String) -> T?): T {
        val text = values[name] ?: return default
        return parse(text) ?: throw UsageException("$name: '$text' is not a number that it takes")
    }

    private companion object {
        val NAMED = setOf("--max-new-tokens", "--threads", "--temperature", "--seed")
    }
}

private class UsageException(message: String) : Exception(message)

private suspend fun run(options: Options) {
    Model.open(options.artifact, options.threads).use { model ->
        model.newSession(options.sampling(model.sampling)).use { session ->
            val steps =
                if (options.chat) {
                    session.generate(model.chat(listOf(Message(Role.USER, options.prompt))), options.maxNewTokens)
                } else {
                    session.generate(options.prompt, options.maxNewTokens)
                }
            steps.collect {
                print(it.text)
                System.out.flush()
            }
            println()
            printFigures(model, session)
        }
    }
}

private fun printFigures(model: Model, session: Session) {
    val stats = session.stats
    val memory = Memory.now()
    System.err.println(
        "load %.3f s, TTFT %.3f s, prefill %d tokens at %.1f/s, decode %d tokens at %.1f/s, ".format(
            stats.loadSeconds,
            stats.ttftSeconds,
            stats.prefillTokens,
            stats.prefillTokensPerSecond,
            stats.decodeTokens,
            stats.decodeTokensPerSecond,
        ) + "peak %.0f MB anonymous + %.0f MB file, %d threads".format(
            memory.peakAnonymousBytes / 1e6,
            memory.peakFileBytes / 1e6,
            model.info.threads,
        ),
    )
}

fun main(arguments: Array<String>) {
    try {
        runBlocking { run(Options(arguments.toList())) }
    } catch (error: UsageException) {
        System.err.print("sample: ${error.message}\n$USAGE")
        exitProcess(2)
    } catch (error: MmoeException) {
        System.err.println("sample: ${error.message}")
        exitProcess(1)
    }
}
