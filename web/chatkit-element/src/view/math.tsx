import { useEffect, useRef, useState } from "preact/hooks";
import { loadMath } from "../markdown/math";
import { memo } from "./memo";

/** A formula. Until the renderer is loaded, and if it fails, its source is shown. */
export const MathView = memo(({ formula, isDisplay }: { formula: string; isDisplay: boolean }) => {
  const place = useRef<HTMLSpanElement>(null);
  const [isDrawn, setDrawn] = useState(false);
  useEffect(() => {
    let isWanted = true;
    loadMath().then(
      ({ renderMath }) => {
        if (!isWanted || !place.current) return;
        renderMath(formula, place.current, isDisplay);
        setDrawn(true);
      },
      () => {}, // the source stays
    );
    return () => {
      isWanted = false;
    };
  }, [formula, isDisplay]);
  return (
    <span class={isDisplay ? "math display" : "math"} dir="ltr">
      <span ref={place} />
      {!isDrawn && <code>{formula}</code>}
    </span>
  );
});
