// What was answered last, so that a wrong key is seen; it is what the undo takes back.

import { TEXTS } from "../shared/texts";
import { wordsOf } from "./answers";
import type { View } from "./queue/queue";

export function Last({ last }: { last: View["last"] }) {
  const text = last === null ? "" : TEXTS.last(wordsOf(last.answer), last.fileName);
  return <p className="last" title={text}>{text}</p>;
}
