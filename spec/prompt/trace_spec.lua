local err = require "kavach.err"
local kavach = require "kavach"
local scheduler = require "kavach.task.scheduler"
local trace = require "kavach.prompt.trace"

-- Runs it as the prompt does its entry of that number. Beneath it there is nothing: a coroutine's.
local function captured(code, number)
  local chunk = assert(load(code, ("=(%d)"):format(number or 3)))
  local ran, caught = coroutine.wrap(xpcall)(chunk, trace.capture)
  assert.is_false(ran)
  return caught
end

local function short(code, number)
  return trace.short(captured(code, number))
end

describe("an error at the prompt", function()
  it("is its message alone where that says all", function()
    assert.equal("(3):1: boom\n", short "error 'boom'")
    assert.equal("(12):1: attempt to index a nil value (global 'x')\n", short("x.y = 1", 12))
  end)

  it("tells the calls that led to it", function()
    assert.equal([[
(3):1: boom
  at (3):3 in upvalue 'g'
  at (3):4 in local 'h'
  at (3):5
]], short [[
local function f() error "boom" end
local function g()
  f() return 1 end
local function h() g() return 1 end
h() return 1]])
    local text = short [[
local function f(n) error("deep", 0) end
local function g() f() return 1 end
local function h() g() return 1 end
local function i() h() return 1 end
i() return 1]]
    assert.equal("deep\n  at (3):1 in upvalue 'f'\n  at (3):2 in upvalue 'g'\n"
      .. "  at (3):3 in upvalue 'h'\n  … ", text:match "^.-… ")
  end)

  it("leaves out what is kavach's, and C", function()
    assert.equal("(3):1: sandbox: unknown option 'nonsense'\n",
      short "require('kavach').sandbox { nonsense = 1 }")
    local caught = captured "table.sort({ 1, 2, 3 }, function() return nil + 1 end)"
    assert.is_nil(trace.short(caught):find("[C]", 1, true))
    assert.matches("  at [C] in field 'sort'", trace.whole(caught), 1, true)
    caught = captured "require('kavach').sandbox { nonsense = 1 }"
    assert.matches("lua/kavach/sandbox/config.lua:%d+", trace.whole(caught))
  end)

  it("of kavach's has its kind", function()
    assert.equal("error io: gone [get]\n  at (3):1\n",
      short "error(require('kavach.err').new('io', 'gone', { op = 'get' }))")
  end)

  it("may be any value", function()
    assert.equal("an error that is no text: nil\n  at (3):1\n", short "error()")
    assert.equal("an error that is no text: { code = 7 }\n  at (3):1\n", short "error { code = 7 }")
    assert.equal("a\n  b\n  at (3):1\n", short "error('a\\n\\tb', 0)")
  end)

  it("of a stack that is full is still told", function()
    local caught = captured "local function f() return 1 + f() end return f()"
    assert.matches("^%(3%):1: stack overflow", trace.short(caught))
    assert.is_true(#caught.frames <= 41)
    assert.matches("\n  … %d+ more\n", trace.whole(caught))
    assert.equal("(3):1", caught.frames[#caught.frames - 1].place)
  end)

  it("that has crossed tasks tells where it came from", function()
    local code = [[
local kavach = require "kavach"
kavach.run(function()
  local x
  x.y = 1
end)
return 1]]
    -- Driven, not resumed: the scheduler has the coroutines.
    local _, caught = xpcall(assert(load(code, "=(7)")), trace.capture)
    local text = trace.short(caught)
    assert.matches("^%(7%):4: attempt to index a nil value %(local 'x'%)\n  at %(7%):2\n", text)
    assert.matches("in the task that it came from:\n  at (7):4 in ", trace.whole(caught), 1, true)
  end)

  it("does not come from where an earlier one of the same text did", function()
    pcall(kavach.run, function() error("same", 0) end)
    assert.is_string(scheduler.traceback_of "same")
    assert.is_nil(captured("error('same', 0)").origin)
  end)

  it("has the traceback that its message carries apart from it", function()
    local caught = captured [[
error("(9):2: lost\nstack traceback:\n\t[C]: in function 'error'\n\t(9):2: in function 'f'", 0)]]
    assert.equal("(9):2: lost\n  at (3):1\n", trace.short(caught))
    assert.matches("at (9):2 in function 'f'", trace.whole(caught), 1, true)
  end)

  it("can be captured by a handler of one's own", function()
    local function raise() error(err.new("io", "gone")) end
    local _, caught = xpcall(raise, function(e) return trace.capture(e, 2) end)
    assert.equal("[C]", caught.frames[1].place)
    assert.matches("trace_spec.lua:%d+", caught.frames[2].place)
    assert.equal("gone", caught.error.message)
  end)

  it("is in red, and the places are dim, where there are colours", function()
    local caught = captured "error('boom', 0)"
    local text = trace.short(caught, { colour = true })
    assert.matches("^\27%[31mboom\27%[0m\n\27%[2m  at %(3%):1", text)
    assert.equal(trace.short(caught), (text:gsub("\27%[%d*m", "")))
  end)
end)
