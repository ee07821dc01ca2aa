/** Records what is said into the microphone, in one of the three formats that ChatKit names. */

import { ChatKitRequestError } from "../protocol/errors";

const FORMATS = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];
/** Speech is understood at this rate; a minute has 240 KB. */
const BITS_PER_SECOND = 32_000;
/** As base64 within a request of a megabyte, which servers commonly take. */
const BYTES_MAX = 700 * 1024;
const SECONDS_MAX = 180;

export interface Recording {
  /** Loudness now, from 0 to 1. */
  level(): number;
  seconds(): number;
  /** Ends it: what was said, and the bare type of it. */
  finish(): Promise<Blob>;
  cancel(): void;
}

export function canRecord(): boolean {
  return typeof MediaRecorder === "function" && navigator.mediaDevices !== undefined;
}

/**
 * Asks for the microphone. `onLimit` is called when no more can be sent.
 *
 * Raises ChatKitRequestError (microphone_denied, microphone_missing): the browser, the person or the machine has none.
 */
export async function startRecording(onLimit: () => void): Promise<Recording> {
  const stream = await microphone();
  const mimeType = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
  const recorder = new MediaRecorder(stream, { audioBitsPerSecond: BITS_PER_SECOND, ...(mimeType && { mimeType }) });
  const meter = levelMeter(stream);
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const chunks: Blob[] = [];
  const ended = new Promise<void>((resolve) => recorder.addEventListener("stop", () => resolve(), { once: true }));
  recorder.addEventListener("dataavailable", ({ data }) => {
    chunks.push(data);
    if (recorder.state === "recording" && (seconds() > SECONDS_MAX || chunks.reduce((sum, { size }) => sum + size, 0) > BYTES_MAX)) onLimit();
  });
  recorder.start(1000);
  const close = () => {
    if (recorder.state !== "inactive") recorder.stop();
    for (const track of stream.getTracks()) track.stop(); // the browser's sign that somebody listens goes out
    meter.close();
  };
  return {
    level: meter.level,
    seconds,
    finish: async () => {
      close();
      await ended;
      return new Blob(chunks, { type: recorder.mimeType });
    },
    cancel: close,
  };
}

async function microphone(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
  } catch (error) {
    const isDenied = error instanceof DOMException && error.name === "NotAllowedError";
    throw new ChatKitRequestError(0, isDenied ? "microphone_denied" : "microphone_missing", String(error), null, { cause: error });
  }
}

function levelMeter(stream: MediaStream): { level: () => number; close: () => void } {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const level = () => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    return Math.min(1, Math.sqrt(power) * 4); // speech is seldom louder than a quarter
  };
  return { level, close: () => void context.close() };
}

export async function base64Of(blob: Blob): Promise<string> {
  const reader = new FileReader();
  await new Promise((resolve, reject) => {
    reader.onload = resolve;
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
  return (reader.result as string).split(",", 2)[1] ?? "";
}
