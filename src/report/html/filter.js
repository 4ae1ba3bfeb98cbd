(function () {
  "use strict";
  var box = document.getElementById("filter");
  var field = box && box.querySelector("input");
  if (!field) { return; }
  box.hidden = false;
  field.addEventListener("input", function () {
    var words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    document.querySelectorAll("[data-check]").forEach(function (row) {
      var text = row.textContent.toLowerCase();
      var match = words.every(function (word) { return text.indexOf(word) >= 0; });
      row.hidden = !match;
      if (match && row.matches("section.step tr")) { shown += 1; }
    });
    document.querySelectorAll("section.step").forEach(function (step) {
      step.hidden = !step.querySelector("tr[data-check]:not([hidden])");
    });
    document.getElementById("shown").textContent = words.length ? shown + " shown" : "";
  });
}());
