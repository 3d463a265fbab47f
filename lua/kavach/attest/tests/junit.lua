--- Results of policy tests as JUnit's XML, which build servers show.

local xml = require "kavach.xml"

local M = {}

local escaped = xml.escape

local function seconds(ms)
  return ("%.3f"):format((ms or 0) / 1000)
end

local function case(test)
  local head = ('    <testcase name="%s" classname="%s" file="%s" line="%d" time="%s"'):format(
    escaped(test.name), escaped(test.file), escaped(test.file), test.line,
    seconds(test.duration_ms))
  if test.passed then return head .. "/>" end
  return ('%s>\n      <failure message="%s"/>\n    </testcase>'):format(head,
    escaped(test.message or "it did not pass"))
end

local function suite(file)
  local failed, spent, lines = 0, 0, {}
  for i, test in ipairs(file.tests) do
    if not test.passed then failed = failed + 1 end
    spent = spent + (test.duration_ms or 0)
    lines[i] = case(test)
  end
  if file.error then
    lines[#lines + 1] = ('    <testcase name="the file" classname="%s">\n'
      .. '      <error message="%s"/>\n    </testcase>'):format(escaped(file.path),
      escaped(tostring(file.error)))
  end
  return ('  <testsuite name="%s" tests="%d" failures="%d" errors="%d" time="%s">\n%s\n  '
    .. "</testsuite>"):format(escaped(file.path), #lines, failed, file.error and 1 or 0,
    seconds(spent), table.concat(lines, "\n"))
end

--- The document.
---@param result kavach.PolicyTestResult
---@return string
function M.text(result)
  local suites = {}
  for i, file in ipairs(result.files) do suites[i] = suite(file) end
  return ('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites tests="%d" failures="%d">\n%s\n'
    .. "</testsuites>\n"):format(result.passed + result.failed, result.failed,
    table.concat(suites, "\n"))
end

return M
