//! Every report format, compared byte for byte, from records that hold everything a run can bring.

#[path = "report/charts.rs"]
mod charts;
#[path = "report/consumer.rs"]
mod consumer;
#[path = "report/endings.rs"]
mod endings;
#[path = "report/github.rs"]
mod github;
#[path = "report/gitlab.rs"]
mod gitlab;
#[path = "report/golden.rs"]
mod golden;
#[path = "report/html.rs"]
mod html;
#[path = "report/json.rs"]
mod json;
#[path = "report/junit.rs"]
mod junit;
#[path = "report/markdown.rs"]
mod markdown;
#[path = "report/nagios.rs"]
mod nagios;
#[cfg(feature = "pdf")]
#[path = "report/pdf.rs"]
mod pdf;
#[path = "report/progress.rs"]
mod progress;
#[path = "report/prometheus.rs"]
mod prometheus;
#[path = "report/sample.rs"]
mod sample;
#[path = "report/seen.rs"]
mod seen;
#[path = "report/table.rs"]
mod table;
#[path = "report/tap.rs"]
mod tap;
#[path = "report/vantages.rs"]
mod vantages;
