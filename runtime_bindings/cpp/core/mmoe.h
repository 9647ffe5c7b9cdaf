/* libmmoe: load an artifact of mmoe-export and run it. C ABI, version 2.
 *
 *   mmoe_model model;
 *   mmoe_session session;
 *   if (mmoe_model_open("artifact", NULL, &model) != MMOE_OK) die(mmoe_last_error());
 *   mmoe_session_open(model, NULL, &session);
 *   mmoe_session_prefill(session, ids, count, NULL);
 *   for (mmoe_step step; mmoe_session_next(session, &step) == MMOE_OK && step.finish == MMOE_FINISH_NONE;)
 *     fwrite(step.text, 1, step.text_bytes, stdout);
 *   mmoe_model_close(model);
 *
 * Handles are numbers, not pointers: a handle that was closed, or never existed, is refused with MMOE_CLOSED.
 * Any function may be called from any thread. A model is shared by its sessions and may be used by many
 * threads at once. A session does one thing at a time: a second call while one runs is refused with
 * MMOE_BUSY, except mmoe_session_cancel and mmoe_session_close, which end the running call.
 *
 * Every function that can fail returns a status; the sentence that belongs to it is mmoe_last_error() on the
 * same thread. No exception crosses this interface. On failure, outputs are left as they were unless their
 * own comment says otherwise.
 *
 * What is open belongs to the process that opened it. A child that fork() makes has none of the library's
 * threads: there every call is refused with MMOE_UNSUPPORTED, and closing does nothing.
 *
 * Structs begin with their size, which the matching *_init function sets: a later version of the ABI may
 * append fields. Those that do not (mmoe_step, mmoe_message, mmoe_text) never change.
 */
#ifndef MMOE_H_
#define MMOE_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define MMOE_API
#else
#define MMOE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define MMOE_ABI_VERSION 2 /* docs/runtime.md: what 2 has added */

typedef int32_t mmoe_status;
enum {
  MMOE_OK = 0,
  MMOE_INVALID_ARGUMENT = 1,  /* outside its range: an id outside the vocabulary, an empty prompt, ... */
  MMOE_NOT_FOUND = 2,         /* a file or folder does not exist */
  MMOE_CORRUPT = 3,           /* a file is cut, altered or not what its name says */
  MMOE_VERSION = 4,           /* made for another version; the message names both */
  MMOE_CONTEXT_FULL = 5,      /* the tokens do not fit behind the position; nothing was run */
  MMOE_BUSY = 6,              /* another thread is inside this session */
  MMOE_CANCELLED = 7,         /* mmoe_session_cancel, mmoe_session_close or a callback ended the call */
  MMOE_CLOSED = 8,            /* the handle is not (or no longer) open */
  MMOE_BUFFER_TOO_SMALL = 9,  /* the size that is needed was written */
  MMOE_OUT_OF_RESOURCES = 10, /* memory, address space or file descriptors */
  MMOE_UNSUPPORTED = 11,      /* e.g. a tokenizer or a chat template that this library does not implement */
  MMOE_IO = 12,               /* reading failed although the file is there */
  MMOE_RUNTIME = 13           /* the program failed while it ran */
};

typedef uint64_t mmoe_model; /* 0 is never a handle */
typedef uint64_t mmoe_session;
typedef uint64_t mmoe_sampler;

/* ---- The library ---- */

MMOE_API uint32_t mmoe_abi_version(void);                  /* of the library; compare with MMOE_ABI_VERSION */
MMOE_API const char* mmoe_version(void);                   /* "0.1.0" */
MMOE_API const char* mmoe_status_name(mmoe_status status); /* "context_full"; never NULL */
/* Why the last call on this thread failed, one line of UTF-8 without control characters, whatever it quotes; "" before any
 * failure. Valid until the thread's next call. */
MMOE_API const char* mmoe_last_error(void);

/* Memory of the process, bytes. Where the system does not tell kinds apart, all of it counts as anonymous. */
typedef struct mmoe_memory {
  uint32_t struct_size;
  uint64_t anonymous_bytes;      /* now: heap, KV caches, activations */
  uint64_t file_bytes;           /* now: pages of mapped files, the experts among them */
  uint64_t peak_anonymous_bytes; /* the highest seen at the end of a library call */
  uint64_t peak_file_bytes;
  uint64_t peak_bytes; /* of the whole resident set, by the system's own count */
} mmoe_memory;
MMOE_API void mmoe_memory_init(mmoe_memory* memory);
MMOE_API mmoe_status mmoe_memory_get(mmoe_memory* memory);

/* ---- A model: an artifact folder, mapped ---- */

#define MMOE_MAX_THREADS 1024

typedef enum mmoe_load_stage {
  MMOE_LOAD_CHECKSUMS = 0, /* reads every file, with verify_checksums only; in bytes */
  MMOE_LOAD_TOKENIZER = 1, /* reads the tokenizer and the chat template; in one piece */
  MMOE_LOAD_PROGRAM = 2,   /* maps model.pte and looks through it without its weights; in one piece */
  MMOE_LOAD_WEIGHTS = 3,   /* of mmoe_model_warm_up: reads model.pte into memory; in bytes */
  MMOE_LOAD_FIRST_CALL = 4 /* of mmoe_model_warm_up: runs the program; in one piece */
} mmoe_load_stage;
/* Told how far a stage is: at its beginning (`done` is 0), at its end (`done` is `total`), and about every 8 MB between
 * where it counts bytes; a stage in one piece is 0 of 1, then 1 of 1. This is work that is done, no estimate of time: a
 * byte of one stage takes longer than one of another, and longer from a disk than from the system's cache. Called on the
 * thread that called the library; it must not call the library. Not 0 ends that call with MMOE_CANCELLED. (ABI 2) */
typedef int32_t (*mmoe_on_progress)(void* context, int32_t stage, uint64_t done, uint64_t total);

/* `threads`: of the process's pool, shared by all models, at most MMOE_MAX_THREADS. 0: the pool as it is; the first model
 * makes it as large as the machine has performance cores, if its cores differ and it tells how (docs/runtime.md).
 * `verify_checksums`: not 0: read every file and compare it with the manifest before use; the manifest must then list
 * model.pte and tokenizer.json. */
typedef struct mmoe_model_options {
  uint32_t struct_size;
  uint32_t threads;
  uint32_t verify_checksums;
  mmoe_on_progress on_progress; /* NULL: nobody is told (ABI 2) */
  void* progress_context;       /* what on_progress is given (ABI 2) */
} mmoe_model_options;
MMOE_API void mmoe_model_options_init(mmoe_model_options* options);

/* Opens a folder that `mmoe-export convert` wrote. `options` may be NULL. */
MMOE_API mmoe_status mmoe_model_open(const char* folder, const mmoe_model_options* options,
                                     mmoe_model* model);
/* Closes the model and its sessions; calls that run in them end with MMOE_CANCELLED first. */
MMOE_API mmoe_status mmoe_model_close(mmoe_model model);

typedef struct mmoe_model_info {
  uint32_t struct_size;
  int32_t vocab_size;
  int32_t max_seq_len;     /* tokens per call of the program: the prefill chunk */
  int32_t max_context_len; /* tokens the KV cache holds */
  int32_t layers;
  int32_t bos_id;         /* -1: none */
  uint32_t threads;       /* of the pool */
  int32_t has_chat;       /* not 0: mmoe_chat works */
  double load_seconds;    /* what mmoe_model_open took */
  uint64_t program_bytes; /* size of model.pte */
  int32_t sliding_window; /* keys that the layers with a window see; 0: no such layers */
  int32_t window_rows;    /* rows that they keep: truncate goes back no further than these reach */
  int32_t
      max_draft_tokens; /* for mmoe_session_set_speculation; 0: the artifact was converted without (ABI 2) */
} mmoe_model_info;
MMOE_API void mmoe_model_info_init(mmoe_model_info* info);
MMOE_API mmoe_status mmoe_model_get_info(mmoe_model model, mmoe_model_info* info);

/* Does beforehand what makes a first answer slow: reads model.pte, whose pages stay for as long as the system has memory
 * for them, and runs the program in a context of its own, so that its threads are there. On a device with less memory
 * than the program this drives other pages out. `on_progress` may be NULL. (ABI 2) */
MMOE_API mmoe_status mmoe_model_warm_up(mmoe_model model, mmoe_on_progress on_progress,
                                        void* progress_context);

/* What a session takes, known before it is opened. The program's buffers for caches and activations are mapped; a page of
 * them takes memory from the moment that something is written to it. Beside them are some bytes for each token of the
 * vocabulary and of the context, and what a delegate (linears of XNNPACK) allocates by itself. (ABI 2) */
typedef struct mmoe_session_memory {
  uint32_t struct_size;
  uint64_t planned_bytes;     /* mapped */
  uint64_t cache_bytes;       /* of these, what so many tokens fill; 0 if a delegate keeps the caches */
  uint64_t speculation_bytes; /* mapped beside them from the first mmoe_session_set_speculation on */
} mmoe_session_memory;
MMOE_API void mmoe_session_memory_init(mmoe_session_memory* memory);
/* `tokens`: of the context, at most max_context_len; -1: a full one. (ABI 2) */
MMOE_API mmoe_status mmoe_model_session_memory(mmoe_model model, int64_t tokens, mmoe_session_memory* memory);

/* ---- Text ---- */

/* The ids of `text` (UTF-8, may hold NUL bytes; bytes that are no UTF-8 count as U+FFFD), written to
 * ids[0..*count). `add_bos`: not 0 puts the tokenizer's own beginning in front. `parse_special`: not 0 turns
 * the text of special tokens into their ids; leave it 0 for text of a user. With too little `capacity`:
 * MMOE_BUFFER_TOO_SMALL and *count is the number needed. */
MMOE_API mmoe_status mmoe_tokenize(mmoe_model model, const char* text, size_t text_bytes, int32_t add_bos,
                                   int32_t parse_special, int32_t* ids, size_t capacity, size_t* count);
/* The text of ids, not terminated. `skip_special`: not 0 leaves special tokens out. Bytes that are no UTF-8
 * become U+FFFD. */
MMOE_API mmoe_status mmoe_detokenize(mmoe_model model, const int32_t* ids, size_t count, int32_t skip_special,
                                     char* text, size_t capacity, size_t* text_bytes);
/* The bytes that one token adds to a text, not terminated: of a character that several tokens make, its part. `first`: not
 * 0 for a text's first token, which some tokenizers write without its space. A special token has those of its text, an id
 * that the tokenizer does not know has none. (ABI 2) */
MMOE_API mmoe_status mmoe_token_bytes(mmoe_model model, int32_t id, int32_t first, char* bytes,
                                      size_t capacity, size_t* count);

typedef struct mmoe_message {
  const char* role;    /* "system", "user", "assistant" or what else the template knows */
  const char* content; /* UTF-8; special tokens in it are plain text */
} mmoe_message;
/* The ids of a conversation by the artifact's chat template, ready for prefill; they begin with BOS if the
 * template says so and end with the header of the assistant's turn. Otherwise as mmoe_chat_json. */
MMOE_API mmoe_status mmoe_chat(mmoe_model model, const mmoe_message* messages, size_t message_count,
                               int32_t* ids, size_t capacity, size_t* count);

/* The same for all that a chat template reads. `conversation` is a JSON object (UTF-8) of what Hugging Face's
 * apply_chat_template takes: "messages", whose members are the template's business (role, content as text or
 * as parts, tool_calls, ...), "tools", "documents", "add_generation_prompt" (false unless it is there) and the
 * template's own switches. Special tokens come from the template alone: their text in messages, tools and
 * documents is plain text. `now`: what the template takes for the local time, "2026-07-04T12:30:00"; NULL:
 * the clock's. MMOE_UNSUPPORTED if the artifact has no template, or one that this library does not implement;
 * MMOE_INVALID_ARGUMENT if it refuses the conversation; MMOE_OUT_OF_RESOURCES if it never ends. The sentence
 * names the line. */
MMOE_API mmoe_status mmoe_chat_json(mmoe_model model, const char* conversation, size_t conversation_bytes,
                                    const char* now, int32_t* ids, size_t capacity, size_t* count);
/* The text that these ids stand for, not terminated. */
MMOE_API mmoe_status mmoe_chat_text(mmoe_model model, const char* conversation, size_t conversation_bytes,
                                    const char* now, char* text, size_t capacity, size_t* text_bytes);

/* The ids of mmoe_chat_json for a conversation that must not have more than `most_ids` of them: as many of its oldest
 * turns as it takes are left out, a turn being a user's message with all up to the next one. *left_out is how many
 * messages that were, behind the system messages in front; it is written with MMOE_BUFFER_TOO_SMALL, too.
 * MMOE_CONTEXT_FULL if the system messages and the last turn are too long by themselves. (ABI 2) */
MMOE_API mmoe_status mmoe_chat_fit(mmoe_model model, const char* conversation, size_t conversation_bytes,
                                   const char* now, size_t most_ids, int32_t* ids, size_t capacity,
                                   size_t* count, size_t* left_out);

/* An answer as a message for "messages" (JSON): its content, and the calls of tools that it makes, in the way of Llama 3,
 * Qwen, Hermes, Granite or LFM2. `text` has the text of special tokens, as mmoe_detokenize gives it with a
 * `skip_special` of 0. A call that is broken is content. (ABI 2) */
MMOE_API mmoe_status mmoe_tool_calls(mmoe_model model, const char* text, size_t text_bytes, char* message,
                                     size_t capacity, size_t* message_bytes);

/* ---- A session: a context of one conversation ---- */

typedef struct mmoe_sampling {
  uint32_t struct_size;
  float temperature;        /* 0: greedy, ties to the lower id */
  int32_t top_k;            /* 0: all */
  float top_p;              /* (0, 1]; 1: all */
  float min_p;              /* [0, 1): of the most probable token's; 0: all */
  float repetition_penalty; /* 1: none */
  uint64_t seed;
  float frequency_penalty; /* 0: none; taken from a token's logit for each time that the text holds it: tokens
                              chosen since the last prefill or prompt (ABI 2) */
  float presence_penalty;  /* 0: none; taken once if the text holds it (ABI 2) */
} mmoe_sampling;
MMOE_API void mmoe_sampling_init(mmoe_sampling* sampling); /* greedy */

/* What the checkpoint's author recommends, as the manifest has it, with seed 0; greedy without a
 * recommendation. An app changes what its user chose and leaves the rest. */
MMOE_API mmoe_status mmoe_model_sampling(mmoe_model model, mmoe_sampling* sampling);

/* `sampling` may be NULL: that of mmoe_model_sampling. */
MMOE_API mmoe_status mmoe_session_open(mmoe_model model, const mmoe_sampling* sampling,
                                       mmoe_session* session);
MMOE_API mmoe_status mmoe_session_close(mmoe_session session);
/* Replaces the sampling (NULL: by that of mmoe_model_sampling) and restarts its random numbers from the seed. */
MMOE_API mmoe_status mmoe_session_set_sampling(mmoe_session session, const mmoe_sampling* sampling);

typedef struct mmoe_logit_bias {
  int32_t id;
  float bias; /* finite, or -INFINITY: the token is not chosen */
} mmoe_logit_bias;
/* What is added to logits before all else of the sampling, until it is replaced; a `count` of 0 takes it away. */
MMOE_API mmoe_status mmoe_session_set_logit_bias(mmoe_session session, const mmoe_logit_bias* bias,
                                                 size_t count);

/* Appends tokens to the context, in chunks of max_seq_len; after it, logits are those of the last one. All of
 * `count` is checked to fit before anything runs. *done (may be NULL) is how many were appended, also when
 * the call is cancelled: the context then ends behind them and the rest can be prefilled later. A new prefill
 * begins a new text: pending pieces of characters and the finish are forgotten. */
MMOE_API mmoe_status mmoe_session_prefill(mmoe_session session, const int32_t* ids, size_t count,
                                          size_t* done);

/* Makes the context exactly `ids`: what it holds of them already, from the front, is kept, and only the rest
 * is run (at least the last token, for its logits). A conversation that is rendered anew each turn so costs
 * its new turn only. Otherwise as mmoe_session_prefill; *done counts the tokens kept, too. */
MMOE_API mmoe_status mmoe_session_prompt(mmoe_session session, const int32_t* ids, size_t count,
                                         size_t* done);

typedef enum mmoe_finish {
  MMOE_FINISH_NONE = 0,
  MMOE_FINISH_STOP_TOKEN = 1,   /* the model ended its text; step.id is that token, whose text is left out */
  MMOE_FINISH_CONTEXT_FULL = 2, /* no room for another token */
  MMOE_FINISH_STOP_STRING =
      3,                 /* the text came to one of mmoe_limits.stop; step.id is the token that completed it,
                                   -1 if only the end of the text did */
  MMOE_FINISH_LENGTH = 4 /* the text has mmoe_limits.max_new_tokens tokens */
} mmoe_finish;
/* "stop_token", "context_full", "stop_string", "length"; "none" for MMOE_FINISH_NONE; never NULL. */
MMOE_API const char* mmoe_finish_name(int32_t finish);

typedef struct mmoe_step {
  int32_t id;       /* the new token; -1 when the context is full or the text has all its tokens */
  int32_t finish;   /* an mmoe_finish; once not NONE, every further next returns the same until a prefill */
  const char* text; /* what became readable: whole UTF-8 characters, maybe none; valid until this
                       thread's next call, even if another thread closes the session */
  size_t text_bytes;
} mmoe_step;
/* Runs the token chosen last (if any) and chooses the next one. The token it returns is not in the context
 * yet: the next call, mmoe_session_commit or a prefill puts it there first. */
MMOE_API mmoe_status mmoe_session_next(mmoe_session session, mmoe_step* step);

typedef struct mmoe_text {
  const char* bytes; /* UTF-8, may hold NUL bytes; bytes that are no UTF-8 count as U+FFFD */
  size_t count;
} mmoe_text;
typedef struct mmoe_limits {
  uint32_t struct_size;
  const mmoe_text*
      stop; /* none of them empty. The text ends before the first: the one that is complete first, of
                            several that are the longest. Special tokens have no text that a stop could be in */
  size_t stop_count;
  int64_t
      min_new_tokens; /* 0: none. Until there are so many, no stop token is chosen and no stop looked for */
  int64_t max_new_tokens; /* -1: no limit */
} mmoe_limits;
MMOE_API void mmoe_limits_init(mmoe_limits* limits); /* none */
/* What ends the text that follows, from the next token on; those chosen before do not count. A prefill, a
 * prompt, a truncate and a reset begin a text without limits: set them behind. A text that has ended with
 * MMOE_FINISH_LENGTH goes on. While a step's text may be the beginning of a stop, it is held back and comes with
 * a later step, the last one at the latest. `limits` is copied; NULL: none. */
MMOE_API mmoe_status mmoe_session_set_limits(mmoe_session session, const mmoe_limits* limits);
typedef enum mmoe_grammar_kind {
  MMOE_GRAMMAR_NONE = 0, /* any text */
  MMOE_GRAMMAR_JSON_SCHEMA =
      1,                /* a JSON text that satisfies a JSON schema (draft 2020-12; docs/runtime.md: which
                                   keywords); MMOE_UNSUPPORTED names another keyword and where it is */
  MMOE_GRAMMAR_GBNF = 2 /* a text of a context-free grammar in llama.cpp's syntax, from its rule "root" */
} mmoe_grammar_kind;
/* What the text that follows must be, from the next token on: only tokens that it can go on with are chosen from, and one
 * that ends the text exactly where the text is complete. `text` (UTF-8, copied) is a schema or a grammar; NULL for
 * MMOE_GRAMMAR_NONE. A prefill, a prompt, a truncate and a reset begin a text without one: set it behind.
 * Special tokens are no part of such a text. A token that has no alternative is chosen without a random number; where
 * nothing may follow, the text ends with MMOE_FINISH_STOP_TOKEN and step.id -1 without running the program, whatever
 * mmoe_limits.min_new_tokens says. A stop string and max_new_tokens end the text wherever it is. All else of the sampling
 * is done to the tokens that are left; mmoe_session_logprobs stays the model's own opinion.
 * MMOE_INVALID_ARGUMENT for a text that is none of its kind, MMOE_OUT_OF_RESOURCES for one that is too large; from
 * mmoe_session_next, if it can be read in too many ways at once, or MMOE_UNSUPPORTED if no token of the vocabulary goes on
 * with it. A model keeps the ones used last compiled. */
MMOE_API mmoe_status mmoe_session_set_grammar(mmoe_session session, int32_t kind, const char* text,
                                              size_t text_bytes);
/* Compiles it as mmoe_session_set_grammar does, and keeps it: for a caller who wants to know beforehand. */
MMOE_API mmoe_status mmoe_model_check_grammar(mmoe_model model, int32_t kind, const char* text,
                                              size_t text_bytes);
/* Whether the text of the steps that follow leaves out the calls of tools: from where a call may begin text is held back
 * until it cannot be one. All that is shown is the "content" that mmoe_tool_calls finds in the whole text, whose calls are to
 * be had from there, by the ids that came. The tokens that begin and end calls count as text while this is on, special
 * ones, too. A prefill, a prompt, a truncate and a reset begin a text that shows all, a restore goes on with one: set it
 * behind. (ABI 2) */
MMOE_API mmoe_status mmoe_session_hide_tool_calls(mmoe_session session, int32_t on);
/* For a caller that stops asking for tokens, e.g. after a cancel: step.text is what was held back until now, but
 * for the bytes of an unfinished character. The rest of `step` is what the last next gave. */
MMOE_API mmoe_status mmoe_session_flush(mmoe_session session, mmoe_step* step);

typedef struct mmoe_speculation {
  uint32_t struct_size;
  int32_t
      max_draft_tokens; /* of one call, at most the model's; -1: all that it can judge; 0: plain decoding */
  const int32_t*
      document; /* ids that drafts are taken from beside the context: a text to be quoted or edited */
  size_t document_count;
} mmoe_speculation;
MMOE_API void mmoe_speculation_init(mmoe_speculation* speculation); /* plain decoding */
/* Speculative decoding: mmoe_session_next guesses what follows from what the context and the document have said before, and
 * runs the guess with the token. Every token, logit and log-probability is that of plain decoding; only the time differs:
 * less where a text repeats, and no more than a fiftieth more elsewhere. How long drafts are follows from what they have
 * come to. The document is copied; NULL: plain decoding. MMOE_UNSUPPORTED if the artifact was converted without. */
MMOE_API mmoe_status mmoe_session_set_speculation(mmoe_session session, const mmoe_speculation* speculation);
/* Puts the token chosen last into the context, e.g. the end-of-turn token before the next turn's prefill. */
MMOE_API mmoe_status mmoe_session_commit(mmoe_session session);
/* Appends one given token and leaves its logits: decode under the caller's control. */
MMOE_API mmoe_status mmoe_session_decode(mmoe_session session, int32_t id);
/* float32 [vocab_size] of the last token run. `capacity` in floats. */
MMOE_API mmoe_status mmoe_session_logits(mmoe_session session, float* logits, size_t capacity);

typedef struct mmoe_token_logprob {
  int32_t id;
  float logprob; /* natural logarithm of the probability */
} mmoe_token_logprob;
/* What the model itself thought of the token that the last next chose, and of the `top_count` most probable
 * ones (ties to the lower id): the softmax of the logits, before bias, penalties and temperature. Either output
 * may be NULL. MMOE_INVALID_ARGUMENT if no token was chosen since something was run. */
MMOE_API mmoe_status mmoe_session_logprobs(mmoe_session session, mmoe_token_logprob* chosen,
                                           mmoe_token_logprob* top, size_t top_count);

/* Begins to count which experts the tokens that the session runs are sent to, or, with 0, ends it. */
MMOE_API mmoe_status mmoe_session_count_experts(mmoe_session session, int32_t on);
/* counts[layers][experts]: how often each expert of each MoE layer was chosen since mmoe_session_count_experts, layers in
 * the order in which they run. A chunk of a prompt sends only its last token through the last layer; tokens that speculative
 * decoding guessed count whether they were right or not. Without a count, before anything was run, and for a program whose
 * experts are not this library's, both sizes are 0. `capacity` in numbers; MMOE_BUFFER_TOO_SMALL writes both sizes. */
MMOE_API mmoe_status mmoe_session_expert_counts(mmoe_session session, uint64_t* counts, size_t capacity,
                                                size_t* layers, size_t* experts);

/* Tokens in the context. */
MMOE_API mmoe_status mmoe_session_position(mmoe_session session, int64_t* position);
/* Keeps the first `position` tokens; costs nothing. There are no logits until something is run. */
MMOE_API mmoe_status mmoe_session_truncate(mmoe_session session, int64_t position);
/* truncate(0), and the statistics, a pending cancel and the random numbers start afresh. */
MMOE_API mmoe_status mmoe_session_reset(mmoe_session session);
/* Writes the session to a file, which takes the place of one that is there only when it is whole: its tokens, what
 * the caches hold of them, the sampling with its random numbers and its bias, and the text where it is, within its grammar if
 * it has one. Statistics are not in it. MMOE_UNSUPPORTED if a backend keeps the caches to itself. (ABI 2) */
MMOE_API mmoe_status mmoe_session_save(mmoe_session session, const char* path);
/* Makes the session the one that was saved: it goes on with the same tokens and the same text, bit for bit. Any
 * session of a model with the same program can take it, as often as wanted, e.g. to begin many conversations behind
 * one long prompt. MMOE_CORRUPT if the file is cut, altered or no snapshot, MMOE_VERSION if it is of another format
 * or was saved with another program; the session is then what it was. (ABI 2) */
MMOE_API mmoe_status mmoe_session_restore(mmoe_session session, const char* path);
/* Ends the running call with MMOE_CANCELLED after at most one call of the program (one token in decode, one
 * chunk in prefill); if none runs, the next prefill, decode or next is the one that ends. */
MMOE_API mmoe_status mmoe_session_cancel(mmoe_session session);
/* Drops a cancel that no call has met yet, so that it does not end the next request. */
MMOE_API mmoe_status mmoe_session_clear_cancel(mmoe_session session);

typedef struct mmoe_stats {
  uint32_t struct_size;
  double load_seconds;    /* of the model and of this session */
  double ttft_seconds;    /* from the start of the last prefill until the token after it was chosen */
  int64_t prefill_tokens; /* of the last prefill */
  double prefill_seconds;
  int64_t decode_tokens;   /* since that prefill */
  double decode_seconds;   /* inside the library: the caller's own time is not in it */
  double program_seconds;  /* the part of decode_seconds inside the program */
  int64_t drafted_tokens;  /* of speculative decoding, since that prefill (ABI 2) */
  int64_t accepted_tokens; /* of these, in decode_tokens as well (ABI 2) */
} mmoe_stats;
MMOE_API void mmoe_stats_init(mmoe_stats* stats);
MMOE_API mmoe_status mmoe_session_stats(mmoe_session session, mmoe_stats* stats);

/* ---- The sampler by itself, for logits from elsewhere; the same choice that a session makes ---- */

MMOE_API mmoe_status mmoe_sampler_open(const mmoe_sampling* sampling, mmoe_sampler* sampler);
MMOE_API mmoe_status mmoe_sampler_close(mmoe_sampler sampler);
/* logits float32 [vocab_size]; `seen`: the ids that the repetition penalty is for, in any order. */
MMOE_API mmoe_status mmoe_sampler_sample(mmoe_sampler sampler, const float* logits, size_t vocab_size,
                                         const int32_t* seen, size_t seen_count, int32_t* id);
/* The same with the tokens of the text, as often as it holds them, for the frequency and presence penalties. */
MMOE_API mmoe_status mmoe_sampler_sample_text(mmoe_sampler sampler, const float* logits, size_t vocab_size,
                                              const int32_t* seen, size_t seen_count, const int32_t* text,
                                              size_t text_count, int32_t* id);
/* As mmoe_session_set_logit_bias; ids outside the vocabulary have no effect. */
MMOE_API mmoe_status mmoe_sampler_set_logit_bias(mmoe_sampler sampler, const mmoe_logit_bias* bias,
                                                 size_t count);

#ifdef __cplusplus
}
#endif

#endif /* MMOE_H_ */
