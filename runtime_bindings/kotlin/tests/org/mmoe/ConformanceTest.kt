package org.mmoe

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.google.gson.JsonPrimitive
import java.io.Closeable
import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking

/** The scenarios of tests/conformance, whose README describes their format. */
class ConformanceTest {
    private val scenarios: List<JsonObject> =
        File(System.getProperty("mmoe.scenarios")).listFiles { file -> file.extension == "json" }!!
            .flatMap { JsonParser.parseReader(it.reader()).asJsonArray }
            .map { it.asJsonObject }

    @Test
    fun thereAreScenarios() = assertTrue(scenarios.size >= 30, "${scenarios.size}")

    @Test
    fun everyCallGivesWhatIsExpected() = runBlocking {
        for (scenario in scenarios) {
            caller(scenario).use { caller ->
                for (call in scenario.getAsJsonArray("calls").map { it.asJsonObject }) {
                    val expected = call.getAsJsonObject("expect") ?: JsonObject()
                    assertEquals(expected, caller.result(call), "${scenario["name"]}: $call")
                }
            }
        }
    }

    private fun caller(scenario: JsonObject): Caller {
        val variant = scenario["artifact"]?.asString
        val model = Model.open(if (variant == null) Reference.artifact else File(System.getProperty("mmoe.variants"), variant))
        val given = scenario.getAsJsonObject("sampling")?.let(::sampling)
        val sampling = given ?: model.sampling
        val chat = scenario.getAsJsonObject("chat") ?: return SessionCaller(model, model.newSession(sampling))
        val tools = chat.getAsJsonArray("tools")?.map { it.asString }.orEmpty()
        val whenFull = WhenFull.valueOf(chat["when_full"]?.asString.orEmpty().ifEmpty { "refuse" }.uppercase())
        val room = chat["answer_room"]?.asInt ?: 256
        return ChatCaller(model, Chat(model, chat["system"]?.asString, sampling, tools, whenFull, room))
    }
}

private fun sampling(values: JsonObject): Sampling {
    var sampling = Sampling()
    for ((name, value) in values.entrySet()) {
        sampling =
            when (name) {
                "temperature" -> sampling.copy(temperature = value.asFloat)
                "top_k" -> sampling.copy(topK = value.asInt)
                "top_p" -> sampling.copy(topP = value.asFloat)
                "min_p" -> sampling.copy(minP = value.asFloat)
                "repetition_penalty" -> sampling.copy(repetitionPenalty = value.asFloat)
                "frequency_penalty" -> sampling.copy(frequencyPenalty = value.asFloat)
                "presence_penalty" -> sampling.copy(presencePenalty = value.asFloat)
                "seed" -> sampling.copy(seed = value.asLong)
                else -> error("no value of a sampling: $name")
            }
    }
    return sampling
}

private fun json(value: Any?): JsonElement =
    when (value) {
        null -> JsonNull.INSTANCE
        is Float -> JsonPrimitive(value)
        is Number -> JsonPrimitive(value.toLong())
        is Boolean -> JsonPrimitive(value)
        is FinishReason, is Role -> JsonPrimitive((value as Enum<*>).name.lowercase())
        is Message ->
            json("role" to value.role, "content" to value.content).apply {
                if (value.toolCalls.isNotEmpty()) add("calls", json(value.toolCalls))
            }
        is ToolCall -> json(listOf(value.name, value.arguments))
        is IntArray -> json(value.toList())
        is List<*> -> JsonArray().apply { value.forEach { add(json(it)) } }
        else -> JsonPrimitive(value.toString())
    }

private fun json(vararg members: Pair<String, Any?>): JsonObject =
    JsonObject().apply { members.forEach { (name, value) -> add(name, json(value)) } }

private val JsonObject.times: Int get() = this["times"]?.asInt ?: 1

private val JsonObject.ids: IntArray
    get() {
        val ids = getAsJsonArray("ids").map { it.asInt }
        return IntArray(ids.size * times) { ids[it % ids.size] }
    }

private val JsonObject.limits: Limits
    get() =
        Limits(
            getAsJsonArray("stop")?.map { it.asString }.orEmpty(),
            this["min_new_tokens"]?.asInt ?: 0,
            this["max_new_tokens"]?.asInt,
        )

private val JsonObject.jsonSchema: String? get() = this["json_schema"]?.asString
private val JsonObject.grammar: String? get() = this["grammar"]?.asString

private val JsonObject.messages: List<Message>
    get() =
        getAsJsonArray("messages").map { it.asJsonObject }.map { message ->
            Message(Role.valueOf(message["role"].asString.uppercase()), message["content"].asString)
        }

/** The text of the file that a `chat_json` is given. */
private val JsonObject.conversation: String
    get() = File(File(System.getProperty("mmoe.scenarios"), "conversations"), this["conversation"].asString + ".json").readText()

private val JsonObject.text: String get() = this["text"].asString.repeat(times)

/** A model and what the calls of one scenario are made to. */
private abstract class Caller(protected val model: Model) : Closeable {
    suspend fun result(call: JsonObject): JsonObject =
        try {
            perform(call)
        } catch (error: MmoeException) {
            json("error" to statusName(error))
        } catch (_: IllegalArgumentException) {
            json("error" to "invalid_argument")
        }

    protected open suspend fun perform(call: JsonObject): JsonObject =
        when (val name = call["call"].asString) {
            "info" -> with(model.info) {
                json(
                    "vocab_size" to vocabSize,
                    "max_context_len" to maxContextLen,
                    "layers" to layers,
                    "bos_id" to bosId,
                    "has_chat" to hasChat,
                )
            }
            "tokenize" -> {
                val addBos = call["add_bos"]?.asBoolean ?: true
                val parseSpecial = call["parse_special"]?.asBoolean ?: false
                json("ids" to model.tokenize(call.text, addBos, parseSpecial))
            }
            "detokenize" -> json("text" to model.detokenize(call.ids, call["skip_special"]?.asBoolean ?: true))
            "token_bytes" -> {
                val bytes = model.tokenBytes(call["id"].asInt, call["first"]?.asBoolean ?: true)
                json("bytes" to bytes.map { it.toUByte().toInt() })
            }
            "chat" -> json("ids" to model.chat(call.messages))
            "chat_json" -> json("ids" to model.chatJson(call.conversation, call["now"].asString))
            "chat_fit" -> model.chatFit(call.conversation, call["most_ids"].asInt, call["now"].asString).let {
                json("ids" to it.ids, "left_out" to it.leftOut)
            }
            "tool_calls" -> model.toolCalls(call.text).let { json("content" to it.content, "calls" to it.toolCalls) }
            "sampling" -> with(model.sampling) {
                json(
                    "temperature" to temperature,
                    "top_k" to topK,
                    "top_p" to topP,
                    "min_p" to minP,
                    "repetition_penalty" to repetitionPenalty,
                    "seed" to seed,
                )
            }
            "warm_up" -> mutableListOf<Int>().let { stages ->
                model.warmUp { if (it.done == 0L) stages += it.stage.ordinal }
                json("stages" to stages)
            }
            "session_memory" -> json("cache_bytes" to model.sessionMemory(call["tokens"]?.asInt).cacheBytes)
            "check_grammar" -> done { model.checkGrammar(call.jsonSchema, call.grammar) }
            "close_model" -> done { model.close() }
            else -> error("no call: $name")
        }

    protected inline fun done(block: () -> Unit): JsonObject {
        block()
        return JsonObject()
    }

    /** Collects [steps] as far as the call says; [cancel] ends them. */
    protected suspend fun read(steps: Flow<Step>, call: JsonObject, cancel: () -> Unit): JsonObject {
        val abandonAfter = call["abandon_after"]?.asInt
        val cancelAfter = call["cancel_after"]?.asInt
        val read = mutableListOf<Step>()
        (if (abandonAfter == null) steps else steps.take(abandonAfter)).collect { step ->
            read += step
            if (read.size == cancelAfter) cancel()
        }
        val tokens = read.filter { it.finishReason == null }
        if (abandonAfter != null) return json("ids" to tokens.map { it.id }, "text" to tokens.joinToString("") { it.text })
        // The library was at work on the next token when it was cancelled.
        val compared = if (cancelAfter == null) read else tokens.take(cancelAfter)
        if (cancelAfter != null) assertTrue(tokens.size <= cancelAfter + 1, "$tokens")
        return json(
            "ids" to compared.filter { it.finishReason == null }.map { it.id },
            "text" to compared.joinToString("") { it.text },
            "finish_reason" to read.last().finishReason,
        )
    }

    protected fun stats(stats: Stats): JsonObject =
        json("prefill_tokens" to stats.prefillTokens, "decode_tokens" to stats.decodeTokens)

    override fun close() {
        // A scenario may have closed it.
        runCatching { model.close() }.onFailure { if (it !is MmoeException.Closed) throw it }
    }

    /** `ContextFull` is `context_full`. */
    private fun statusName(error: MmoeException): String =
        error::class.simpleName!!.replace(Regex("(?<=.)[A-Z]"), "_$0").lowercase()
}

private class SessionCaller(model: Model, private val session: Session) : Caller(model) {
    private val saved = File(createTempDirectory().toFile(), "saved")

    override suspend fun perform(call: JsonObject): JsonObject =
        when (call["call"].asString) {
            "prompt" -> done { session.prompt(call.ids) }
            "prefill" -> done { session.prefill(call.ids) }
            "next" -> session.next().let { json("id" to it.id, "text" to it.text, "finish_reason" to it.finishReason) }
            "set_limits" -> done { session.setLimits(call.limits) }
            "set_grammar" -> done { session.setGrammar(call.jsonSchema, call.grammar) }
            "set_speculation" -> done {
                session.setSpeculation(call["max_draft_tokens"]?.asInt, if (call.has("ids")) call.ids else IntArray(0))
            }
            "set_logit_bias" -> done {
                session.setLogitBias(call.getAsJsonArray("bias").map { it.asJsonArray }.associate { it[0].asInt to it[1].asFloat })
            }
            "logprobs" -> session.logprobs(call["top"]?.asInt ?: 0).let { (chosen, top) ->
                json("chosen" to chosen.id, "top" to top.map { it.id })
            }
            "hide_tool_calls" -> done { session.hideToolCalls(call["on"]?.asBoolean ?: true) }
            "count_experts" -> done { session.countExperts(call["on"]?.asBoolean ?: true) }
            "expert_counts" -> json("counts" to session.expertCounts().map { it.toList() })
            "flush" -> json("text" to session.flush())
            "commit" -> done { session.commit() }
            "decode" -> done { session.decode(call["id"].asInt) }
            "logits" -> session.logits().let { logits ->
                json("count" to logits.size, "argmax" to logits.indices.maxBy { logits[it] })
            }
            "position" -> json("position" to session.position)
            "truncate" -> done { session.truncate(call["position"].asLong) }
            "save" -> done { session.save(saved) }
            "restore" -> done { session.restore(saved) }
            "reset" -> done { session.reset() }
            "cancel" -> done { session.cancel() }
            "clear_cancel" -> done { session.clearCancel() }
            "close" -> done { session.close() }
            "set_sampling" -> done { session.setSampling(sampling(call.getAsJsonObject("sampling"))) }
            "stats" -> stats(session.stats)
            "generate" -> {
                val (stop, least, most) = call.limits
                val (schema, grammar) = call.jsonSchema to call.grammar
                val steps =
                    when {
                        call.has("text") -> session.generate(call.text, most, least, stop, schema, grammar)
                        call.has("ids") -> session.generate(call.ids, most, least, stop, schema, grammar)
                        else -> session.generate(null, most, least, stop, schema, grammar)
                    }
                read(steps, call, session::cancel)
            }
            else -> super.perform(call)
        }
}

private class ChatCaller(model: Model, private val chat: Chat) : Caller(model) {
    override suspend fun perform(call: JsonObject): JsonObject =
        when (call["call"].asString) {
            "send" -> call.limits.let { (stop, least, most) ->
                val (schema, grammar) = call.jsonSchema to call.grammar
                val steps =
                    if (call.has("text")) chat.send(call.text, most, least, stop, schema, grammar)
                    else chat.send(call.messages, most, least, stop, schema, grammar)
                read(steps, call, chat::cancel)
            }
            "stats" -> stats(chat.stats)
            "history" -> json("messages" to chat.history)
            "turns" -> json("messages" to chat.turns)
            "left_out" -> json("messages" to chat.leftOut)
            "restore_turns" -> done { chat.restore(call.messages) }
            "reset" -> done { chat.reset() }
            "close" -> done { chat.close() }
            else -> super.perform(call)
        }
}
