// A page with the unmodified @openai/chatkit-react: every handler and method, in StrictMode.
import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { StrictMode, useState, version } from "react";
import { createRoot } from "react-dom/client";

window.reactVersion = version;
window.events = [];
window.rendered = 0;
// The query says which server it is, and what the element is told of it.
const query = new URLSearchParams(location.search);
const attributes = JSON.parse(query.get("attributes") ?? "{}");
const heard = (name) => (detail) => window.events.push({ name, detail: detail?.error ? { error: String(detail.error) } : (detail ?? null) });

function App() {
  const [greeting, setGreeting] = useState("Hello from React");
  const [isMounted, setMounted] = useState(true);
  window.rendered++;
  window.setGreeting = setGreeting;
  window.setMounted = setMounted;
  return isMounted ? <Chat greeting={greeting} /> : <p>away</p>;
}

function Chat({ greeting }) {
  const chat = useChatKit({
    api: { url: query.get("url") ?? "/chatkit", domainKey: "any", fetch: (url, init) => (window.fetches = (window.fetches ?? 0) + 1, fetch(url, init)) },
    startScreen: { greeting, prompts: [{ label: "Say hi", prompt: "say hi", icon: "sparkle" }] },
    header: { leftAction: { icon: "home", onClick: () => heard("left")(null) } },
    composer: { tools: [{ id: "search", label: "Search", icon: "search" }], attachments: { enabled: true } },
    theme: { colorScheme: "light", radius: "soft" },
    onClientTool: ({ name, params }) => ({ name, zone: params.zone, greeting }),
    onReady: heard("ready"),
    onError: heard("error"),
    onResponseStart: heard("response.start"),
    onResponseEnd: heard("response.end"),
    onThreadChange: heard("thread.change"),
    onThreadLoadStart: heard("thread.load.start"),
    onThreadLoadEnd: heard("thread.load.end"),
    onToolChange: heard("tool.change"),
    onEffect: heard("effect"),
    onDeeplink: heard("deeplink"),
    onHistoryOpen: heard("history.open"),
    onHistoryClose: heard("history.close"),
    onLog: heard("log"),
  });
  window.chat = chat;
  return <ChatKit {...attributes} control={chat.control} className="chat" style={{ height: "100%" }} />;
}

const root = document.getElementById("root");
createRoot(root).render(<StrictMode><App /></StrictMode>);
