"use client";

import { useEffect, useState } from "react";

type ScriptState = "loading" | "ready" | "failed";

const ELEMENT = "openai-chatkit";

/** Loads the script that defines `<openai-chatkit>`, once per page; "failed" when it could not be fetched. */
export function useElementScript(url: string): ScriptState {
  const [state, setState] = useState<ScriptState>("loading");
  useEffect(() => {
    let isMounted = true;
    const settle = (next: ScriptState) => isMounted && setState(next);
    if (!customElements.get(ELEMENT)) findOrAddScript(url).addEventListener("error", () => settle("failed"));
    void customElements.whenDefined(ELEMENT).then(() => settle("ready"));
    return () => {
      isMounted = false;
    };
  }, [url]);
  return state;
}

function findOrAddScript(url: string): HTMLScriptElement {
  const known = document.querySelector<HTMLScriptElement>(`script[src="${CSS.escape(url)}"]`);
  if (known) return known;
  const script = document.createElement("script");
  // Ours is a module. OpenAI's is documented as a plain script, and a module from elsewhere would need CORS.
  if (url.startsWith("/")) script.type = "module";
  script.async = true;
  script.src = url;
  document.head.append(script);
  return script;
}
