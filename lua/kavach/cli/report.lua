--- `kavach report`: what a report says, whoever signed it.

local function configure(parser)
  parser.interleaved = true
  parser:description "Show what an SEV-SNP report says, with its bits and TCBs by name."
  parser:argument("evidence", "A report, or anything else that kavach verify takes.")
  parser:option("--product", "milan, genoa or turin, where neither report nor certificates tell.")
    :argname "NAME"
    :convert(function(name) return require("kavach.attest.tcb").product(name) end)
  parser:epilog [[
Nothing is verified here: kavach verify tells who signed it. What has not the form of a
report that a processor writes is listed as a problem.

A report of version 2 does not tell its product. With a masked chip id, its TCBs have no
components, then, unless a certificate or --product tells it.

Exit codes: 0; 1 if there is no report that can be read; 64 usage.

Examples:
   kavach report report.bin --product milan
   kavach report evidence.json --json]]
end

-- The product, if a certificate tells it.
local function certified(evidence)
  for _, certificate in ipairs(evidence.certificates) do
    local parsed = require("kavach.snp").certificate_parse(certificate.der)
    if parsed and parsed.product then return parsed.product end
  end
end

local function run(args)
  local err = require "kavach.err"
  local evidence, why = require("kavach.attest.evidence").load(args.evidence)
  if not evidence then return nil, why end
  if not evidence.report then
    return err.fail("invalid_argument", args.evidence .. ": there is no report in it")
  end
  local report
  report, why = require("kavach.report").parse(evidence.report)
  if not report then return nil, err.wrap(why, args.evidence) end
  local product = args.product or report.product or evidence.product or certified(evidence)
  local text
  if args.json then
    text, why = report:to_json { full = true, product = product }
    text = text and text .. "\n"
  else
    text, why = report:to_text { product = product }
  end
  if not text then return nil, why end
  io.stdout:write(text)
  return 0
end

return {
  summary = "Show what a report says, with its bits and versions by name.",
  configure = configure,
  tells_failure = true,
  run = run,
}
