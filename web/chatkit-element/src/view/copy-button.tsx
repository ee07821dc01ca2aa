import { useEffect, useState } from "preact/hooks";
import { IconButton } from "./button";
import { useLocale } from "./context";

const CONFIRMATION_MS = 2_000;

export function CopyButton({ label, text, class: className }: { label: string; text: () => string; class?: string }) {
  const { text: t } = useLocale();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), CONFIRMATION_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => {
    if (await writeClipboard(text())) setCopied(true);
  };
  return (
    <>
      <IconButton
        icon={isCopied ? "check" : "lucide:copy"}
        label={isCopied ? t("copied") : label}
        class={className ?? ""}
        onClick={() => void copy()}
      />
      <span class="visually-hidden" role="status">
        {isCopied ? t("copied") : ""}
      </span>
    </>
  );
}

/** The asynchronous clipboard is missing on plain http pages: there, select a text field and copy. */
async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.position = "fixed";
    field.style.opacity = "0";
    document.body.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    return isCopied;
  }
}
