// Sets up the element for the assistant that the address names (?assistant=id), or the first one.
const answer = await fetch("/api/you/assistants");
const assistants = answer.ok ? (await answer.json()).data : [];
const wanted = new URLSearchParams(location.search).get("assistant");
const idOf = (card) => card.assistant_id ?? card.id;
const card = assistants.find((one) => idOf(one) === wanted) ?? assistants[0];

if (assistants.length > 1) {
  for (const one of assistants) {
    const link = document.createElement("a");
    link.href = `?assistant=${encodeURIComponent(idOf(one))}`;
    link.textContent = one.name;
    if (one === card) link.setAttribute("aria-current", "page");
    document.getElementById("assistants").append(link);
  }
}
if (card) document.title = card.name;

// The assistant of a new conversation, and the time zone, which only the browser knows.
const headers = { "Natter-Time-Zone": Intl.DateTimeFormat().resolvedOptions().timeZone };
if (card) headers["Natter-Assistant"] = idOf(card);

await customElements.whenDefined("openai-chatkit");
const chat = document.getElementById("chat");
// The conversation is in the address, so that a reload finds it again.
chat.addEventListener("chatkit.thread.change", ({ detail }) => {
  const { pathname, search } = location;
  history.replaceState(null, "", detail.threadId ? `${pathname}${search}#${detail.threadId}` : `${pathname}${search}`);
});
chat.setOptions({
  initialThread: location.hash.slice(1) || null,
  api: {
    url: "/api/you/chatkit",
    domainKey: "none",
    fetch: (input, init) => {
      const merged = new Headers(init?.headers);
      for (const [name, value] of Object.entries(headers)) merged.set(name, value);
      return fetch(input, { ...init, headers: merged });
    },
  },
  startScreen: {
    ...(card?.greeting ? { greeting: card.greeting } : {}),
    prompts: (card?.start_prompts ?? []).map(({ label, prompt, icon }) => ({ label, prompt, ...(icon ? { icon } : {}) })),
  },
  composer: {
    ...(card?.tools?.length ? { tools: card.tools.map(({ id, label, icon }) => ({ id, label, icon: icon ?? "bolt" })) } : {}),
    ...(card?.models?.length > 1
      ? { models: card.models.map((one) => ({ id: one.id, label: one.label, description: one.description, default: one.is_default })) }
      : {}),
  },
});
