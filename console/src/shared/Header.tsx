// The bar on top: whose page it is, the keys, the appearance, signing out.

import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import { useState } from "react";

import { TEXTS } from "./texts";
import { chooseTheme, chosenTheme, type Theme } from "./theme";

const THEMES: readonly Theme[] = ["auto", "light", "dark"];

interface Props {
  name?: string;
  onKeys?: () => void;
  onSignOut?: () => void;
}

export function Header({ name, onKeys, onSignOut }: Props) {
  const [theme, setTheme] = useState(chosenTheme);

  return (
    <header className="bar">
      <span className="bar-title">{TEXTS.title}</span>
      <div className="bar-tools">
        {onKeys && (
          <Button variant="icon" iconName="keyboard" ariaLabel={TEXTS.keys} onClick={onKeys} />
        )}
        <ButtonDropdown
          variant="icon"
          expandToViewport
          ariaLabel={name === undefined ? TEXTS.theme : name}
          items={[
            {
              id: "theme",
              text: TEXTS.theme,
              items: THEMES.map((id) => ({
                itemType: "checkbox",
                id,
                text: TEXTS.themes[id],
                checked: id === theme,
              })),
            },
            { id: "licences", text: TEXTS.licences, href: "assets/NOTICE.txt", external: true },
            ...(onSignOut ? [{ id: "sign-out", text: TEXTS.signOut, secondaryText: name }] : []),
          ]}
          onItemClick={({ detail }) => {
            const picked = THEMES.find((one) => one === detail.id);
            if (detail.id === "sign-out") onSignOut?.();
            if (picked === undefined) return;
            chooseTheme(picked);
            setTheme(picked);
          }}
        />
      </div>
    </header>
  );
}
