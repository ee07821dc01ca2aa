import type { Notice } from "../state/thread-state";
import type { TextKey } from "../text/locales/en";
import { IconButton } from "./button";
import { useView } from "./context";
import { Icon } from "./icon";
import { Markdown } from "./markdown";
import { memo } from "./memo";

/** Codes that have words of their own; the others get a general sentence with the code. */
const TEXT_BY_CODE: Record<string, TextKey> = {
  connection_lost: "errorConnection",
  network: "errorNetwork",
  stop_failed: "errorStop",
  feedback_failed: "errorFeedback",
  client_tool_failed: "errorClientTool",
  run_failed: "errorRunFailed",
};

const ICON_BY_LEVEL = { info: "info", warning: "lucide:triangle-alert", danger: "lucide:circle-x" } as const;

export const Notices = memo(({ notices, isTurnActive }: { notices: readonly Notice[]; isTurnActive: boolean }) => {
  const { session, locale } = useView();
  const { text } = locale;
  return (
    <>
      {notices.map((notice) => (
        <div key={notice.key} class={`notice ${notice.level}`} part={`notice notice-${notice.level}`} role={notice.level === "info" ? "status" : "alert"}>
          <Icon name={ICON_BY_LEVEL[notice.level] ?? "info"} />
          <div class="notice-text">
            {notice.title && <strong dir="auto">{notice.title}</strong>}
            <NoticeText notice={notice} />
          </div>
          {notice.canRetry && !isTurnActive && (
            <button type="button" class="text-button" onClick={() => void session.retry(null)}>
              {text("tryAgain")}
            </button>
          )}
          <IconButton icon="close" label={text("dismiss")} onClick={() => session.dismissNotice(notice.key)} />
        </div>
      ))}
    </>
  );
});

function NoticeText({ notice }: { notice: Notice }) {
  const { locale } = useView();
  if (notice.message) return <Markdown text={notice.message} />;
  const code = notice.code ?? "";
  const known = TEXT_BY_CODE[code];
  if (known) return <p>{locale.text(known)}</p>;
  return (
    <p>
      {locale.text("errorGeneric")} <small class="error-code">{code}</small>
    </p>
  );
}
