--- `kavach policy test`: runs the tests beside policies.

local EXIT_FAILED <const> = 2
local VERSION <const> = 1
local LINES_SHOWN <const> = 12

local function percent(text)
  return require("kavach.cli.options").integer(0, 100)(text)
end

local function pattern(text)
  if pcall(string.find, "", text) then return text end
  return nil, ("'%s' is not a pattern of Lua"):format(text)
end

local function configure(parser)
  parser.interleaved = true
  parser:description "Run the tests of attestation policies: prod_test.lua tests prod.lua."
  parser:argument("path", "Tests, policies with tests beside them, or folders (.)."):args "*"
  parser:option("--run", "Only the tests whose names match, a pattern of Lua."):argname "PATTERN"
    :convert(pattern)
  parser:flag("--coverage", "Tell which lines ran, and which rules passed and denied.")
  parser:option("--threshold", "Fail unless of each policy so much was covered, of its lines and "
    .. "of its rules."):argname "PERCENT":convert(percent)
  parser:option("--junit", "Write the results as JUnit's XML, too."):argname "FILE"
  parser:epilog [[
A test, in web_test.lua:
   given { data = { released = { [filled("ab", 48)] = true } } }
   describe("web", function()
     it("allows what we released", function()
       assert.allowed(evidence.genuine { measurement = filled("ab", 48) })
     end)
     cases {
       { "debug", evidence.genuine { measurement = filled("ab", 48),
           guest_policy = { debug_allowed = true } }, denied = "policy.debug_allowed" },
     }
   end)
Evidence is made by a platform emulator; `genuine` is judged as a processor's own. Any
field of a report can be given, and product, signed_by, csp_id, tcb, guest_policy,
platform, nonce, now, crl. A rule is covered when it has passed once, and denied once.

Exit codes: 0 all passed; 1 there is nothing to test, or it cannot be read; 2 a test
failed, or the threshold was not reached; 64 usage.

Examples:
   kavach policy test
   kavach policy test scripts/policies --coverage --threshold 90
   kavach policy test prod.lua --run "debug" --junit results.xml]]
end

-- ---- for people --------------------------------------------------------------------------------

local function plain(text) return require("kavach.plain").text(text) end

local function print_file(file)
  local failed = file.error and 1 or 0
  for _, test in ipairs(file.tests) do
    if not test.passed then failed = failed + 1 end
  end
  io.stdout:write(("%s %s: %d passed, %d failed\n"):format(failed == 0 and "✓" or "✗",
    plain(file.path), #file.tests - (failed - (file.error and 1 or 0)), failed))
  if file.error then io.stdout:write("  ✗ ", plain(tostring(file.error)), "\n") end
  for _, test in ipairs(file.tests) do
    if not test.passed then
      io.stdout:write(("  ✗ %s\n      %s\n"):format(plain(test.name),
        plain(test.message or "it did not pass")))
    end
  end
end

-- "4, 7-9": the first of them.
local function ranges(numbers)
  local parts, i = {}, 1
  while numbers[i] and #parts < LINES_SHOWN do
    local last = i
    while numbers[last + 1] == numbers[last] + 1 do last = last + 1 end
    parts[#parts + 1] = last == i and ("%d"):format(numbers[i])
      or ("%d-%d"):format(numbers[i], numbers[last])
    i = last + 1
  end
  return table.concat(parts, ", ") .. (numbers[i] and " …" or "")
end

local function print_coverage(one)
  local share = require("kavach.attest.tests.coverage").percent
  if one.untested then
    io.stdout:write(("  %s: no test has loaded it\n"):format(plain(one.path)))
    return
  end
  local lines, rules = one.lines, one.rules
  io.stdout:write(("  %s: lines %d%% (%d of %d), rules %d%% (%d of %d outcomes)\n"):format(
    plain(one.path), share(lines.run, lines.runnable), lines.run, lines.runnable,
    share(rules.seen, rules.outcomes), rules.seen, rules.outcomes))
  local function add(title, text)
    if text ~= "" then io.stdout:write("      ", title, ": ", plain(text), "\n") end
  end
  add("lines that did not run", ranges(lines.missed))
  add("never seen to pass", table.concat(rules.never_passed, ", "))
  add("never seen to deny", table.concat(rules.never_denied, ", "))
end

local function print_text(result, threshold)
  for _, file in ipairs(result.files) do print_file(file) end
  if result.coverage then
    io.stdout:write "coverage\n"
    for _, one in ipairs(result.coverage) do print_coverage(one) end
  end
  io.stdout:write(("%d passed, %d failed\n"):format(result.passed, result.failed))
  for _, path in ipairs(result.below or {}) do
    io.stdout:write(("below the threshold of %d%%: %s\n"):format(threshold, plain(path)))
  end
end

-- ---- for programs ------------------------------------------------------------------------------

local function listed(list)
  return require("kavach.json").array(table.move(list, 1, #list, 1, {}))
end

local function coverage_document(one)
  if one.untested then return { path = plain(one.path), untested = true } end
  return {
    path = plain(one.path), untested = false,
    lines = {
      runnable = one.lines.runnable, run = one.lines.run, missed = listed(one.lines.missed),
    },
    rules = {
      outcomes = one.rules.outcomes, seen = one.rules.seen,
      never_passed = listed(one.rules.never_passed), never_denied = listed(one.rules.never_denied),
    },
  }
end

local function print_json(result)
  local json = require "kavach.json"
  local out = {
    version = VERSION, good = result.good, passed = result.passed, failed = result.failed,
    files = json.array(), coverage = result.coverage and json.array() or json.null,
    below = result.below and listed(result.below) or json.null,
  }
  for i, file in ipairs(result.files) do
    local tests = json.array()
    for n, test in ipairs(file.tests) do
      tests[n] = {
        name = plain(test.name), line = test.line, passed = test.passed,
        message = test.message or json.null, duration_ms = test.duration_ms or 0,
      }
    end
    out.files[i] = {
      path = plain(file.path), tests = tests,
      error = file.error and plain(tostring(file.error)) or json.null,
    }
  end
  for i, one in ipairs(result.coverage or {}) do out.coverage[i] = coverage_document(one) end
  io.stdout:write(assert(json.encode(out)), "\n")
end

-- ---- the command -------------------------------------------------------------------------------

local function write_junit(path, result)
  local err = require "kavach.err"
  local file <close>, why = require("kavach.core").file_open(path, "w")
  if not file then return err.fail("io", "--junit: " .. why) end
  local ok, message = file:write(require("kavach.attest.tests.junit").text(result))
  if ok then ok, message = file:flush() end
  if not ok then return err.fail("io", ("--junit: %s: %s"):format(path, message)) end
  return true
end

local function run(args)
  local paths = #args.path > 0 and args.path or { "." }
  local result, why = require("kavach.attest.policy").test(paths, {
    run = args.run, coverage = args.coverage or nil, threshold = args.threshold,
  })
  if not result then return nil, why end
  if args.junit then
    local ok
    ok, why = write_junit(args.junit, result)
    if not ok then return nil, why end
  end
  if args.json then print_json(result) else print_text(result, args.threshold) end
  if result.passed + result.failed == 0 then
    return require("kavach.err").fail("io", "there is no such test")
  end
  return result.good and 0 or EXIT_FAILED
end

return {
  summary = "Run the tests beside policies.",
  configure = configure,
  tells_failure = true,
  run = run,
}
