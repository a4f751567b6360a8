// Pictures that people drop or choose: files, and folders with all below them.

const PICTURES = /\.(jpe?g|jpe|jfif|mpo|png|webp|tiff?|bmp|dib|gif|heic|heif|avif)$/i;

const isPicture = (name) => PICTURES.test(name) && !name.split("/").pop().startsWith(".");

/** Pairs of a name and a file from an input element. */
export function chosen(input) {
  const files = [...input.files].map((file) => [file.webkitRelativePath || file.name, file]);
  return input.webkitdirectory ? files.filter(([name]) => isPicture(name)) : files;
}

/** Pairs of a name and a file from what was dropped. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file.name, file]);
  return (await Promise.all(entries.map((entry) => below(entry, "")))).flat();
}

async function below(entry, path) {
  const name = path + entry.name;
  if (entry.isFile) {
    const file = await new Promise((good, bad) => entry.file(good, bad));
    return path === "" || isPicture(name) ? [[name, file]] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad));
    if (!some.length) break; // a browser gives a hundred at a time
    found.push(...some);
  }
  return (await Promise.all(found.map((one) => below(one, `${name}/`)))).flat();
}

/** Hand a file to the person. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
