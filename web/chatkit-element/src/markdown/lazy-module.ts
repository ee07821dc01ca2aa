/** Modules of the element that are files of their own, beside its main one: a page that needs none of them loads none. */

/**
 * Returns a function that loads a module when it is first called. After a failure the next call tries again.
 *
 * @param file name of the module's file, with its hash as a parameter, which scripts/build.mjs fills in.
 */
export function lazyModule<Module>(file: () => string): () => Promise<Module> {
  let loading: Promise<Module> | undefined;
  return () => {
    loading ??= import(new URL(file(), import.meta.url).href).catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading as Promise<Module>;
  };
}
