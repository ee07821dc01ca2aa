/** The composer's microphone: while it listens, its level and time stand in place of the composer's other buttons. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { base64Of, canRecord, type Recording, startRecording } from "../chat/recorder";
import { type Failure, failureOf, isAbort } from "../protocol/errors";
import { failureText } from "../text/failure-text";
import { IconButton } from "./button";
import { useView } from "./context";
import { Icon } from "./icon";

export interface Dictation {
  phase: "idle" | "starting" | "recording" | "transcribing";
  recording: Recording | null;
  error: Failure | null;
  start: () => Promise<void>;
  finish: () => Promise<void>;
  cancel: () => void;
  dismiss: () => void;
}

/** @param insert takes the words that were said. What is being recorded for one conversation ends with it. */
export function useDictation(insert: (words: string) => void, conversationKey: number): Dictation {
  const { chat } = useView();
  const [phase, setPhase] = useState<Dictation["phase"]>("idle");
  const [error, setError] = useState<Failure | null>(null);
  const recording = useRef<Recording | null>(null);
  const attempt = useRef(new AbortController());
  const end = () => {
    attempt.current.abort();
    recording.current?.cancel();
    recording.current = null;
    setPhase("idle");
  };
  useEffect(() => end, [conversationKey]);
  const fail = (cause: unknown) => {
    end();
    setError(failureOf(cause));
    chat.reportError(cause as Error);
  };
  const finish = async () => {
    const { signal } = attempt.current;
    const current = recording.current;
    if (!current) return;
    recording.current = null;
    setPhase("transcribing");
    try {
      const audio = await current.finish();
      const words = (await chat.client.transcribe(await base64Of(audio), audio.type, signal)).trim();
      if (signal.aborted) return;
      if (words) insert(words);
      else setError({ code: "nothing_heard", message: "" });
      setPhase("idle");
    } catch (cause) {
      if (!isAbort(cause) && !signal.aborted) fail(cause);
    }
  };
  const start = async () => {
    attempt.current = new AbortController();
    const { signal } = attempt.current;
    setError(null);
    setPhase("starting");
    try {
      const begun = await startRecording(() => void finish());
      if (signal.aborted) return begun.cancel();
      recording.current = begun;
      setPhase("recording");
    } catch (cause) {
      if (!signal.aborted) fail(cause);
    }
  };
  return { phase, recording: recording.current, error, start, finish, cancel: end, dismiss: () => setError(null) };
}

export function DictateButton({ dictation }: { dictation: Dictation }) {
  const { options, locale } = useView();
  if (!options.hasDictation || !canRecord()) return null;
  const isDisabled = dictation.phase !== "idle";
  return <IconButton icon="lucide:mic" part="dictate-button" label={locale.text("dictate")} isDisabled={isDisabled} onClick={() => void dictation.start()} />;
}

export function DictationError({ dictation }: { dictation: Dictation }) {
  const { locale } = useView();
  if (!dictation.error) return null;
  return (
    <div class="notice warning" role="alert">
      <Icon name="lucide:triangle-alert" />
      <p class="notice-text">{failureText(locale, dictation.error)}</p>
      <IconButton icon="close" label={locale.text("dismiss")} onClick={dictation.dismiss} />
    </div>
  );
}

/** Escape discards; Enter, on the button that has the focus, writes down. */
export function DictationBar({ dictation }: { dictation: Dictation }) {
  const { locale } = useView();
  const { text } = locale;
  const isListening = dictation.phase === "recording";
  const done = useRef<HTMLButtonElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => (done.current ?? bar.current?.querySelector("button"))?.focus(), [isListening]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // and no answer is stopped
    event.stopPropagation();
    dictation.cancel();
  };
  return (
    <div class="dictation" part="dictation" role="group" aria-label={text("dictate")} ref={bar} onKeyDown={onKeyDown}>
      <IconButton icon="close" label={text("cancelDictation")} onClick={dictation.cancel} />
      {isListening && dictation.recording ? (
        <>
          <span class="visually-hidden" role="status">{text("listening")}</span>
          <Level recording={dictation.recording} />
          <IconButton icon="check" class="send" label={text("finishDictation")} buttonRef={done} onClick={() => void dictation.finish()} />
        </>
      ) : (
        <span class="progress" role="status">
          <Icon name="lucide:loader-circle" class="spin" />
          {text(dictation.phase === "starting" ? "loading" : "transcribing")}
        </span>
      )}
    </div>
  );
}

/** Drawn without the rest: it changes with every frame. */
function Level({ recording }: { recording: Recording }) {
  const bar = useRef<HTMLSpanElement>(null);
  const clock = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      bar.current?.style.setProperty("--level", recording.level().toFixed(3));
      const seconds = Math.floor(recording.seconds());
      if (clock.current) clock.current.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [recording]);
  return (
    <>
      <span class="recording-dot pulse" />
      <span class="level" aria-hidden="true"><span ref={bar} /></span>
      <span class="time" role="timer" dir="ltr" ref={clock}>0:00</span>
    </>
  );
}
