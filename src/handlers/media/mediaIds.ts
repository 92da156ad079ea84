import type { Random } from "../../lib/random";

/** The first letters of an id are the names of two folders (paths.ts). */
const FOLDER_LETTERS = 4;
const ID_LENGTH = 24;
const FILES_IN_FOLDER = 500;

/**
 * Gives ids for media of ours. They begin alike for a while, so that files come to lie in folders that exist, and those that are written
 * together wait together until the names are on disk. What is left to chance, 20 letters, cannot be guessed.
 */
export function createMediaIds(random: Pick<Random, "letters">): () => string {
  let folder = "";
  let given = FILES_IN_FOLDER;
  return () => {
    if (given === FILES_IN_FOLDER) [folder, given] = [random.letters(FOLDER_LETTERS), 0];
    given++;
    return folder + random.letters(ID_LENGTH - FOLDER_LETTERS);
  };
}
