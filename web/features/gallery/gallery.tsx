"use client";

/** The gallery: a thread of widgets that no server has, in either scheme, direction and width. */
import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { useMemo, useState } from "react";

import { chatOptions } from "@/features/chat/chat-options";
import { ChatFailed, ChatLoading } from "@/features/chat/chat-states";
import { useElementScript } from "@/features/chat/use-element-script";

import { answerFromGallery, GALLERY_THREAD } from "./gallery-server";

const SCHEMES = { light: "Light", dark: "Dark" } as const;
const LOCALES = { en: "Left to right", ar: "Right to left" } as const;
const WIDTHS = { "100%": "Wide", "390px": "Narrow" } as const;

type Choices<T extends string> = Readonly<{ label: string; names: Readonly<Record<T, string>>; chosen: T; choose: (value: T) => void }>;

function Choice<T extends string>({ label, names, chosen, choose }: Choices<T>) {
  return (
    <label className="flex items-center gap-2 text-sm">
      {label}
      <select className="rounded border bg-background px-2 py-1" value={chosen} onChange={(event) => choose(event.target.value as T)}>
        {(Object.entries(names) as [T, string][]).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Gallery({ scriptUrl }: { scriptUrl: string }) {
  const script = useElementScript(scriptUrl);
  const [scheme, setScheme] = useState<keyof typeof SCHEMES>("light");
  const [locale, setLocale] = useState<keyof typeof LOCALES>("en");
  const [width, setWidth] = useState<keyof typeof WIDTHS>("100%");
  if (script === "failed") return <ChatFailed />;
  if (script === "loading") return <ChatLoading />;
  return (
    <>
      <div className="flex flex-wrap items-center gap-4 border-b px-4 py-2">
        <h1 className="me-auto font-semibold">Gallery of widgets</h1>
        <Choice label="Scheme" names={SCHEMES} chosen={scheme} choose={setScheme} />
        <Choice label="Direction" names={LOCALES} chosen={locale} choose={setLocale} />
        <Choice label="Width" names={WIDTHS} chosen={width} choose={setWidth} />
      </div>
      <div className="mx-auto min-h-0 w-full flex-1" style={{ maxWidth: width }}>
        <Widgets scheme={scheme} locale={locale} />
      </div>
    </>
  );
}

function Widgets({ scheme, locale }: Readonly<{ scheme: keyof typeof SCHEMES; locale: keyof typeof LOCALES }>) {
  const options = useMemo(
    () =>
      chatOptions({
        userId: "gallery",
        domainKey: "natter",
        scheme,
        initialThread: GALLERY_THREAD,
        assistant: null,
        offer: { attachments: null, dictation: false },
        fetch: answerFromGallery,
      }),
    [scheme],
  );
  const { control } = useChatKit({
    ...options,
    locale,
    header: { enabled: false },
    widgets: { onAction: (action) => Promise.resolve(alert(JSON.stringify(action, null, 2))) },
  });
  return <ChatKit control={control} className="block h-full w-full" />;
}
