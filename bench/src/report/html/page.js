// A link to each record that is within the page.
for (const link of document.querySelectorAll("a[data-source]")) {
  const text = document.getElementById(link.dataset.source).textContent;
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.hidden = false;
}
