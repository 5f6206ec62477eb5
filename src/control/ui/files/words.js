// Numbers for people, as src/control/ui/format.rs writes them.

export function count(number) {
  return number.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function rate(number) {
  return number === 0 || number >= 9.95 ? count(number) : number.toFixed(1);
}

function withUnit(number, step) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (number >= 999.5 && unit < units.length - 1) {
    number /= step;
    unit += 1;
  }
  const digits = unit === 0 || number >= 99.95 ? 0 : number < 9.995 ? 2 : 1;
  return `${number.toFixed(digits)} ${units[unit]}`;
}

export const bytes = number => withUnit(number, 1000);
export const memory = number => withUnit(number, 1024);

export function ms(length) {
  if (length === null) return "–";
  if (length < 0.995) return `${length.toFixed(2)} ms`;
  if (length < 9.95) return `${length.toFixed(1)} ms`;
  if (length < 999.5) return `${length.toFixed(0)} ms`;
  return `${(length / 1000).toFixed(1)} s`;
}

export function length(seconds) {
  const whole = unit => Math.floor(seconds / unit);
  if (whole(60) === 0) return `${whole(1)} s`;
  if (whole(3600) === 0) return `${whole(60)} min ${whole(1) % 60} s`;
  if (whole(86400) === 0) return `${whole(3600)} h ${whole(60) % 60} min`;
  return `${whole(86400)} d ${whole(3600) % 24} h`;
}

export function probe(found) {
  return found === null ? "" : `${found.text}, ${ms(found.took_ms)}`;
}

// In the reader's own time zone; the day only when it is not today.
export function moment(milliseconds) {
  const then = new Date(milliseconds);
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const isToday = then.toDateString() === new Date().toDateString();
  return isToday ? time : `${then.toLocaleDateString([], { month: "short", day: "numeric" })} ${time}`;
}
