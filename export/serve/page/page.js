"use strict";

const at = (id) => document.getElementById(id);
const conversation = at("conversation");
const messages = [];
let running = null; // the AbortController of the answer that is coming

const saved = ["system", "temperature", "top_p", "max_tokens", "seed"];
for (const id of saved) {
  at(id).value = localStorage.getItem(id) ?? "";
  at(id).addEventListener("change", () => localStorage.setItem(id, at(id).value));
}

function headers() {
  const key = at("key").value;
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

async function showState() {
  try {
    const state = await (await fetch("health")).json();
    at("model").textContent = document.title = state.model;
    const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
    at("status").textContent = `${megabytes(state.anonymous_bytes)} own memory, ${megabytes(state.file_bytes)} of files`;
    at("send").disabled = !state.has_chat;
    if (!state.has_chat) at("empty").textContent = "This model has no chat template; use /v1/completions.";
  } catch {
    at("status").textContent = "the server does not answer";
  }
}

function show(role, text) {
  at("empty")?.remove();
  const article = document.createElement("article");
  article.className = role;
  const label = document.createElement("span");
  label.className = "hidden";
  label.textContent = role === "user" ? "You: " : "Answer: ";
  const content = document.createElement("span");
  content.textContent = text;
  article.append(label, content);
  conversation.append(article);
  conversation.scrollTop = conversation.scrollHeight;
  return article;
}

// Adds text without touching what is there; scrolls only a reader who is at the end.
function extend(article, text) {
  const atEnd = conversation.scrollHeight - conversation.scrollTop - conversation.clientHeight < 48;
  article.children[1].append(text);
  if (atEnd) conversation.scrollTop = conversation.scrollHeight;
}

function figures(article, text) {
  const line = document.createElement("span");
  line.className = "figures";
  line.textContent = text;
  article.append(line);
}

// As the parser knows it, so that no address of another place is in this file.
const svgNamespace = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;

// A square for each expert, a row for each layer; the more often an expert was chosen, the stronger its colour.
function showExperts(article, counts) {
  const element = (name, attributes) => {
    const made = document.createElementNS(svgNamespace, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const columns = counts[0].length;
  const most = Math.max(...counts.flat());
  const used = counts.flat().filter((count) => count > 0).length;
  const caption = `${used} of ${columns * counts.length} experts used, in ${counts.length} layers`;
  const picture = element("svg", {
    viewBox: `0 0 ${columns} ${counts.length}`, width: 8 * columns, height: 8 * counts.length, role: "img", "aria-label": caption,
  });
  counts.forEach((row, layer) => row.forEach((count, expert) => {
    const square = element("rect", {
      x: expert + 0.06, y: layer + 0.06, width: 0.88, height: 0.88, rx: 0.15, "fill-opacity": count ? 0.15 + 0.85 * (count / most) : 0.07,
    });
    const title = element("title", {});
    title.textContent = `layer ${layer + 1}, expert ${expert}: ${count} times`;
    square.append(title);
    picture.append(square);
  }));
  const figure = document.createElement("figure");
  const told = document.createElement("figcaption");
  told.textContent = caption;
  figure.append(picture, told);
  article.append(figure);
  conversation.scrollTop = conversation.scrollHeight;
}

function request() {
  const system = at("system").value.trim();
  const body = {
    messages: [...(system ? [{ role: "system", content: system }] : []), ...messages],
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
    expert_counts: true,
  };
  for (const id of ["temperature", "top_p", "max_tokens", "seed"]) {
    if (at(id).value !== "") body[id] = Number(at(id).value);
  }
  return body;
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.replace(/^data: /, "");
      if (data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function answer() {
  const article = show("assistant", "");
  article.classList.add("running");
  running = new AbortController();
  at("send").textContent = "Stop";
  const begun = performance.now();
  let first = null, before = 0, usage = null, text = "", reason = null, experts = null;
  try {
    const response = await fetch("v1/chat/completions", {
      method: "POST", headers: headers(), body: JSON.stringify(request()), signal: running.signal,
    });
    if (response.status === 401) at("key-field").hidden = false;
    if (!response.ok) throw new Error((await response.json()).error.message);
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      usage = event.usage ?? usage;
      const choice = event.choices[0];
      reason = choice?.finish_reason ?? reason;
      experts = choice?.expert_counts ?? experts;
      const piece = choice?.delta?.content;
      if (!piece) continue;
      if (first === null) {
        first = performance.now();
        before = usage.completion_tokens;
      }
      text += piece;
      extend(article, piece);
      const tokens = usage.completion_tokens - before;
      const seconds = (performance.now() - first) / 1000;
      if (tokens > 0) at("status").textContent = `${(tokens / seconds).toFixed(0)} tokens/s`;
    }
    messages.push({ role: "assistant", content: text });
    const seconds = (performance.now() - (first ?? begun)) / 1000;
    const tokens = usage.completion_tokens;
    figures(article, [
      `${tokens} tokens`, `${(tokens / seconds).toFixed(0)} tokens/s`, `first after ${(((first ?? begun) - begun) / 1000).toFixed(2)} s`,
      `prompt ${usage.prompt_tokens} tokens, ${usage.prompt_tokens_details.cached_tokens} of them known`,
      ...(reason === "length" ? ["stopped at its limit"] : []),
    ].join(" · "));
    if (experts?.length) showExperts(article, experts);
  } catch (error) {
    if (error.name === "AbortError") {
      messages.push({ role: "assistant", content: text });
      figures(article, "stopped");
    } else {
      messages.pop(); // the message that got no answer can be sent again
      article.classList.add("failed");
      extend(article, String(error.message));
    }
  } finally {
    article.classList.remove("running");
    running = null;
    at("send").textContent = "Send";
    showState();
  }
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) return running.abort();
  const text = at("message").value.trim();
  if (!text) return;
  at("message").value = "";
  grow();
  messages.push({ role: "user", content: text });
  show("user", text);
  answer();
});

at("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!running) at("composer").requestSubmit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});

function grow() {
  at("message").style.height = "auto";
  at("message").style.height = `${at("message").scrollHeight + 2}px`;
}
at("message").addEventListener("input", grow);

at("new").addEventListener("click", () => {
  running?.abort();
  messages.length = 0;
  conversation.replaceChildren();
  at("message").focus();
});
at("settings-button").addEventListener("click", () => {
  const open = at("settings").hidden;
  at("settings").hidden = !open;
  at("settings-button").setAttribute("aria-expanded", String(open));
});
at("settings").addEventListener("submit", (event) => event.preventDefault());

showState();
