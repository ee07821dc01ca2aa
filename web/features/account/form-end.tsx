import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";

/** How far a form is: `done` and `failure` are what its reader is told. */
export type Outcome = "idle" | "busy" | Readonly<{ done: string }> | Readonly<{ failure: string }>;

/** What came of a form, and the button that sends it. */
export function FormEnd({ outcome, button }: Readonly<{ outcome: Outcome; button: string }>) {
  return (
    <>
      <p role="status" className="text-brand-text text-sm empty:hidden">
        {typeof outcome === "object" && "done" in outcome ? outcome.done : ""}
      </p>
      {typeof outcome === "object" && "failure" in outcome && (
        <Alert variant="destructive">
          <AlertDescription>{outcome.failure}</AlertDescription>
        </Alert>
      )}
      <Button type="submit" variant="outline" className="w-fit" disabled={outcome === "busy"}>
        {button}
      </Button>
    </>
  );
}
