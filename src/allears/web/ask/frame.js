// Tells the page around an embedded survey how tall it is; the survey works without.
(function () {
  function tell() {
    parent.postMessage({ allearsSurveyHeight: document.documentElement.getBoundingClientRect().height }, "*");
  }
  tell();
  new ResizeObserver(tell).observe(document.documentElement);
})();
