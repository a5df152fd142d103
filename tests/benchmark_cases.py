"""What benchmarks print, as samples for the tests of whatever reads it."""

from __future__ import annotations

import json

ASCII = """Running benchmark for size level Nano by DFGET ...
+-----------------+-------+-------------+-------------+-------------+
| FILE SIZE LEVEL | TIMES |  MIN COST   |  MAX COST   |  AVG COST   |
+-----------------+-------+-------------+-------------+-------------+
|     Nano(1B)    |   3   |   528.46ms  |   717.28ms  |   648.17ms  |
|   Large(1GiB)   |   3   |  4855.28ms  |  6069.76ms  |  5526.63ms  |
+-----------------+-------+-------------+-------------+-------------+
"""
BOXED = """┌─────────────────┬───────┬──────────┬──────────┬──────────┬────────────────────────┬─────────────────────┬────────────────────┬─────────────────────┐
│ FILE SIZE LEVEL │ TIMES │ MIN COST │ MAX COST │ AVG COST │ BACK TO SOURCE TRAFFIC │ REMOTE PEER TRAFFIC │ LOCAL PEER TRAFFIC │ BACK TO SOURCE RATE │
├─────────────────┼───────┼──────────┼──────────┼──────────┼────────────────────────┼─────────────────────┼────────────────────┼─────────────────────┤
│ Micro(1KB)      │ 4     │ 10.00ms  │ 20.00ms  │ 15.00ms  │ 10 kB                  │ 0 B                 │ 31 kB              │ 25.00%              │
├─────────────────┼───────┼──────────┼──────────┼──────────┼────────────────────────┼─────────────────────┼────────────────────┼─────────────────────┤
│ Large(1GB)      │ 2     │ 900.00ms │ 1.1s     │ 1.00s    │ 1.1 GB                 │ 1.1 GB              │ 0 B                │ 50.00%              │
└─────────────────┴───────┴──────────┴──────────┴──────────┴────────────────────────┴─────────────────────┴────────────────────┴─────────────────────┘
"""
MARKDOWN = """Results of dfbench on Tuesday:

| File Size Level | Times | Min Cost | Max Cost | Avg Cost |
|-----------------|:-----:|---------:|---------:|---------:|
| Small(1MB) | 3 | 671.12ms | 1250.22ms | 897.32ms |
| 10MiB | 3 | 716.83ms | 971.49ms | 816.14ms |

and so on
"""
FILE_BENCH = """
file-bench

  Run             4m on 10 peers by dfget, 14.2s
  Target          http://file-server.ns.svc/4m?tag=dfget&uuid=8d2b

  Downloads       10 total, 9 succeeded
  Failed          1 of 10 (10.00%)

  Latency (ms)          min       avg       med     p(90)     p(95)     p(99)       max
    download        5102.44   5231.18   5188.90   6011.72   6320.15   6480.31   6480.31

  Traffic         40 MiB total, 4.0 MiB back-to-source, 36 MiB remote peer, 0 B local peer
  Back to source  10.00%

  Result          FAILED, ✗ download failed rate<0.01
"""
IMAGE_BENCH = FILE_BENCH.replace("file-bench", "image-bench").replace("4m on 10", "10").replace("http://file-server.ns.svc/4m?tag=dfget&uuid=8d2b", "r/image-bench:v1-20gb-4").replace("    download", "    pull    ")  # fmt: skip
PROXY_BENCH = """proxy-bench

  Run           sequential via http://bob:hunter2@seed-client:4001, 60.0s
  Target        http://file-server/1g
  Load          256 VUs back-to-back, constant-vus
  Sequential    1 GiB in 4 MiB chunks, 256 per pass, 128 streams over 32 URLs

  Requests      120,481 total, 2008.0 req/s, 0 dropped
  Failed        1,000 of 120,481 (0.83%)

  Latency (ms)        min      avg      med    p(90)    p(95)    p(99)      max
    request         12.11   127.40   118.62   201.55   233.10   310.27   812.94
    connect          0.00     0.01     0.00     0.00     0.00     0.21     4.10
    download        11.02   117.30   111.90   186.02   214.65   281.13   711.50

  Result        PASSED, ✓ http_req_failed rate<0.01
"""
VEGETA_TEXT = """mode=repeat proxy=http://bob:hunter2@seed:4001 url=http://f/4m rate=100/s duration=5s range=
Requests      [total, rate, throughput]         5000, 50.01, 48.05
Duration      [total, attack, wait]             2m10s, 1m40s, 30.001s
Latencies     [min, mean, 50, 90, 95, 99, max]  6.997ms, 1.5s, 476.925µs, 30.001s, 30.004s, 1m2.5s, 2m0.147s
Bytes In      [total, mean]                     72000, 4194304.00
Bytes Out     [total, mean]                     0, 0.00
Success       [ratio]                           100.00%
Status Codes  [code:count]                      200:4999  206:1
Error Set:
Bucket           #     %       Histogram
[0s,     10ms]   7     0.14%
[10ms,   1.5s]   4990  99.80%  ##########################
[1.5s,   +Inf]   3     0.06%
"""
VEGETA_JSON = json.dumps({
    "latencies": {"total": 9000000000, "mean": 3000000000, "50th": 2000000000, "90th": 5e9, "95th": 5000000000, "99th": 5500000000, "max": 6000000000, "min": 1000000000},
    "buckets": {"0": 1, "2000000000": 2}, "bytes_in": {"total": 12582912, "mean": 4194304}, "bytes_out": {"total": 0, "mean": 0},
    "earliest": "2026-05-02T14:45:50.645818631+02:00", "latest": "2026-05-02T14:45:51Z", "end": "2026-05-02T12:45:58.1Z", "duration": 989999944, "wait": 3507222,
    "requests": 3, "rate": 101.0, "throughput": 100.0, "success": 1, "status_codes": {"200": 3}, "errors": [],
}, indent=2)  # fmt: skip


def result(latency_ns=1_500_000_000, code=200, bytes_in=4096, error="", url="http://f/4m?x=1"):
    return {"attack": "a", "seq": 1, "code": code, "timestamp": "2026-05-02T14:45:50.645818631+02:00", "latency": latency_ns, "bytes_out": 0, "bytes_in": bytes_in, "error": error, "body": "aGk=", "method": "GET", "url": url, "headers": {"A": ["b"]}}  # fmt: skip


VEGETA_LINES = "".join(json.dumps(each) + "\n" for each in (
    result(), result(code=0, bytes_in=0, error='Get "http://f/4m": context deadline exceeded (Client.Timeout exceeded)', latency_ns=30_000_000_000),
    result(code=0, bytes_in=12, error="read tcp: connection reset by peer"), result(code=503, bytes_in=3, error="503 Service Unavailable"), result(url="http://f/1m", bytes_in=9),
))  # fmt: skip
VEGETA_CSV = '1777725950645818631,200,1500000000,0,4096,"",aGk=,a,0,GET,http://f/4m,QQ==\n1777725951000000000,0,2000000000,0,0,"EOF, said it",,a,1,GET,http://f/4m,\n'
CSV = "# ours\nsize_bytes,duration_s,outcome,timeout_s\n16MiB,1m30s,timeout,90\n4194304,812.5ms,ok,\n"
SAMPLES = {
    "ascii": ASCII, "boxed": BOXED, "markdown": MARKDOWN, "file-bench": FILE_BENCH, "image-bench": IMAGE_BENCH, "proxy-bench": PROXY_BENCH, "vegeta text": VEGETA_TEXT,
    "vegeta json": VEGETA_JSON, "vegeta lines": VEGETA_LINES, "vegeta csv": VEGETA_CSV, "csv": CSV,
}  # fmt: skip
