import { useId, useState } from "react";
import {
  initialOf,
  joinPath,
  problemsOf,
  resolve,
  shapeOf,
  type Problem,
  type Property,
  type Shape,
} from "../logic/schema.ts";
import { isRecord, type Schema } from "../logic/spec.ts";
import { JsonText } from "./JsonText.tsx";

type Props = {
  schema: Schema;
  root: Schema;
  value: unknown;
  /** Where the value stands in the whole: "address.lines[0]". */
  path: string;
  labelledBy: string;
  problems: Problem[];
  onChange: (value: unknown) => void;
};
type PropsOf<Type extends Shape["type"]> = Props & { shape: Extract<Shape, { type: Type }> };

/** The editor of one value, made from its schema; objects and lists hold further ones. */
export function SchemaForm(props: Props) {
  const shape = shapeOf(props.schema, props.root);
  switch (shape.type) {
    case "object":
      return <ObjectForm {...props} shape={shape} />;
    case "array":
      return <ArrayForm {...props} shape={shape} />;
    case "nullable":
      return <NullableForm {...props} shape={shape} />;
    case "union":
      return <UnionForm {...props} shape={shape} />;
    case "any":
      return <JsonText {...props} />;
    default:
      return <Scalar {...props} shape={shape} />;
  }
}

const isArea = (shape: Shape) =>
  shape.type === "object" || shape.type === "array" || shape.type === "union";

function ObjectForm({ shape, value, onChange, ...rest }: PropsOf<"object">) {
  const held = isRecord(value) ? value : {};
  return (
    <div className="object">
      {shape.properties.map((property) => (
        <PropertyForm
          key={property.name}
          {...rest}
          property={property}
          value={held}
          onChange={onChange}
        />
      ))}
    </div>
  );
}

type PropertyProps = Omit<Props, "schema" | "value"> & {
  property: Property;
  value: Record<string, unknown>;
};

function PropertyForm({ property, root, value, path, problems, onChange, ...rest }: PropertyProps) {
  const id = useId();
  const { name, required } = property;
  const schema = resolve(property.schema, root);
  const inner = joinPath(path, name);
  const present = name in value;
  const leave = () => {
    const { [name]: left, ...others } = value;
    onChange(others);
  };
  const add = () => onChange({ ...value, [name]: initialOf(schema, root) });
  return (
    <div className={isArea(shapeOf(schema, root)) ? "property area" : "property"}>
      <div className="row">
        <span id={id} className="property-name">
          {typeof schema.title === "string" ? schema.title : name}
        </span>
        {!required && (
          <label className="check fine">
            <input
              type="checkbox"
              checked={present}
              aria-label={`Give ${name}`}
              onChange={present ? leave : add}
            />
            optional
          </label>
        )}
      </div>
      {typeof schema.description === "string" && <p className="fine">{schema.description}</p>}
      {present && (
        <SchemaForm
          {...rest}
          schema={schema}
          root={root}
          value={value[name]}
          path={inner}
          labelledBy={id}
          problems={problems}
          onChange={(next) => onChange({ ...value, [name]: next })}
        />
      )}
      <Problems path={inner} problems={problems} />
    </div>
  );
}

function Problems({ path, problems }: { path: string; problems: Problem[] }) {
  const own = problems.filter((problem) => problem.path === path);
  return (
    <div id={problemId(path)} aria-live="polite">
      {own.map(({ message }) => (
        <p key={message} className="problem">
          {message}
        </p>
      ))}
    </div>
  );
}

const problemId = (path: string) => `problem-${path.replace(/[^\w-]/g, "_")}`;

function ArrayForm({ shape, value, root, path, onChange, problems, ...rest }: PropsOf<"array">) {
  const id = useId();
  const items = Array.isArray(value) ? (value as unknown[]) : [];
  const replace = (index: number, ...next: unknown[]) =>
    onChange([...items.slice(0, index), ...next, ...items.slice(index + 1)]);
  return (
    <div className="array">
      {items.map((item, index) => (
        <div key={index} className="entry">
          <span id={`${id}-${index}`} className="fine">
            {index + 1}
          </span>
          <div className="entry-value">
            <SchemaForm
              {...rest}
              schema={shape.item}
              root={root}
              value={item}
              path={joinPath(path, index)}
              labelledBy={`${rest.labelledBy} ${id}-${index}`}
              problems={problems}
              onChange={(next) => replace(index, next)}
            />
            <Problems path={joinPath(path, index)} problems={problems} />
          </div>
          <button
            type="button"
            className="quiet"
            aria-label={`Remove entry ${index + 1}`}
            disabled={items.length <= shape.min}
            onClick={() => replace(index)}
          >
            ×
          </button>
        </div>
      ))}
      <button
        type="button"
        disabled={shape.max !== null && items.length >= shape.max}
        onClick={() => onChange([...items, initialOf(shape.item, root)])}
      >
        Add an entry
      </button>
    </div>
  );
}

function NullableForm({ shape, value, root, onChange, ...rest }: PropsOf<"nullable">) {
  return (
    <>
      <label className="check fine">
        <input
          type="checkbox"
          checked={value === null}
          onChange={(event) => onChange(event.target.checked ? null : initialOf(shape.inner, root))}
        />
        empty
      </label>
      {value !== null && (
        <SchemaForm {...rest} root={root} schema={shape.inner} value={value} onChange={onChange} />
      )}
    </>
  );
}

function UnionForm({ shape, value, root, onChange, ...rest }: PropsOf<"union">) {
  const [chosen, setChosen] = useState(() =>
    Math.max(
      0,
      shape.options.findIndex(({ schema }) => problemsOf(schema, root, value).length === 0),
    ),
  );
  const option = shape.options[chosen];
  const choose = (index: number) => {
    setChosen(index);
    onChange(initialOf(shape.options[index]?.schema ?? {}, root));
  };
  return (
    <>
      <select
        value={chosen}
        aria-labelledby={rest.labelledBy}
        onChange={(event) => choose(Number(event.target.value))}
      >
        {shape.options.map(({ label }, index) => (
          <option key={label} value={index}>
            {label}
          </option>
        ))}
      </select>
      {option && (
        <SchemaForm
          key={chosen}
          {...rest}
          root={root}
          schema={option.schema}
          value={value}
          onChange={onChange}
        />
      )}
    </>
  );
}

type ScalarShape = Exclude<Shape, { type: "object" | "array" | "nullable" | "union" | "any" }>;

function Scalar({
  shape,
  value,
  path,
  labelledBy,
  problems,
  onChange,
}: Props & { shape: ScalarShape }) {
  const shared = {
    "aria-labelledby": labelledBy,
    "aria-describedby": problemId(path),
    "aria-invalid": problems.some((problem) => problem.path === path),
  };
  switch (shape.type) {
    case "boolean":
      return (
        <label className="check">
          <input
            type="checkbox"
            {...shared}
            checked={value === true}
            onChange={(event) => onChange(event.target.checked)}
          />
          <span>{value === true ? "yes" : "no"}</span>
        </label>
      );
    case "enum":
      return (
        <select
          {...shared}
          value={JSON.stringify(value)}
          onChange={(event) => onChange(JSON.parse(event.target.value))}
        >
          {shape.values.map((choice) => (
            <option key={JSON.stringify(choice)} value={JSON.stringify(choice)}>
              {typeof choice === "string" ? choice : JSON.stringify(choice)}
            </option>
          ))}
        </select>
      );
    case "number":
      return (
        <input
          type="number"
          {...shared}
          value={typeof value === "number" ? value : ""}
          min={shape.min ?? undefined}
          max={shape.max ?? undefined}
          step={shape.integer ? 1 : "any"}
          onChange={(event) =>
            onChange(event.target.value === "" ? null : event.target.valueAsNumber)
          }
        />
      );
    case "string": {
      const text = typeof value === "string" ? value : "";
      const edit = (event: { target: { value: string } }) => onChange(event.target.value);
      return (shape.max ?? 1000) > 200 && !shape.format ? (
        <textarea {...shared} rows={1} value={text} onChange={edit} />
      ) : (
        <input type={inputType(shape.format)} {...shared} value={text} onChange={edit} />
      );
    }
  }
}

function inputType(format: string): string {
  const types: Record<string, string> = { email: "email", uri: "url", date: "date", time: "time" };
  return types[format] ?? "text";
}
