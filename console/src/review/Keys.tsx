// The list of keys.

import Modal from "@cloudscape-design/components/modal";

import type { ModelType } from "./api";
import { KEYS, TEXTS } from "../shared/texts";

export function Keys({ kind, onClose }: { kind: ModelType; onClose: () => void }) {
  return (
    <Modal visible header={TEXTS.keysTitle} closeAriaLabel={TEXTS.close} onDismiss={onClose}>
      <dl className="keys">
        {KEYS.filter(([, , forKind]) => forKind === "all" || forKind === kind).map(([key, does]) => (
          <div key={`${key} ${does}`}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
