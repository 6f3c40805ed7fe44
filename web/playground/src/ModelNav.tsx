import { useEffect, useRef } from "react";
import { routeOf, textRouteOf, type Spec } from "./logic/spec.ts";

/** Models by name; of several versions each has its own link. */
export function ModelNav({ spec, current }: { spec: Spec; current: string }) {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    // On a phone the links are in a row that scrolls.
    const link = list.current?.querySelector("[aria-current]");
    link?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  const names = spec.models.map((model) => model.name);
  const links = [
    ...spec.models.map((model) => ({
      route: routeOf(model),
      name: model.name,
      note:
        names.filter((name) => name === model.name).length > 1 ? `version ${model.version}` : "",
    })),
    ...spec.text.map((model) => ({
      route: textRouteOf(model),
      name: model.id,
      note: model.chat ? "chat" : model.completion ? "completion" : "embedding",
    })),
  ];
  return (
    <nav aria-label="Models" className="models">
      <ul ref={list}>
        {links.map(({ route, name, note }) => (
          <li key={route}>
            <a href={route} aria-current={route === current ? "page" : undefined}>
              <span>{name}</span>
              {note && <small>{note}</small>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
