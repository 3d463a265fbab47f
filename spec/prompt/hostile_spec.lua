--- Values that are made to do harm to whoever looks at them.

local err = require "kavach.err"
local plain = require "kavach.plain"
local show = require "kavach.prompt.show"
local trace = require "kavach.prompt.trace"

local touched

local function touch(event)
  return function()
    touched[#touched + 1] = event
    error "touched"
  end
end

local EVENTS <const> = {
  "__tostring", "__pairs", "__index", "__newindex", "__len", "__eq", "__lt", "__le", "__concat",
  "__call", "__unm", "__add", "__close", "__idiv", "__mod", "__band",
}

local function metatable(more)
  local meta = {}
  for _, event in ipairs(EVENTS) do meta[event] = touch(event) end
  for key, value in pairs(more or {}) do meta[key] = value end
  return meta
end

local function hostile(fields, more)
  return setmetatable(fields or {}, metatable(more))
end

describe("a hostile value", function()
  before_each(function() touched = {} end)
  after_each(function() assert.same({}, touched) end)

  it("has none of its metamethods called", function()
    local it_ = hostile({ 1, 2, a = "b" })
    assert.equal('<with a metatable> { 1, 2, a = "b" }', show.value(it_))
    assert.equal("<with a metatable> { 1, nil, 3 }", show.value(hostile { 1, nil, 3 }))
    assert.is_string(show.values({ n = 2, nil, it_ }))
    assert.is_string(show.value({ it_, [it_] = it_, x = { it_ } }))
    assert.is_string(show.value(hostile({}, { __metatable = "no" })))
    assert.is_string(show.value(hostile({}, { __metatable = err.class })))
    assert.is_string(show.value(hostile({}, { __name = hostile() })))
    -- a metatable that is hostile when it is compared
    assert.is_string(show.value(setmetatable({}, hostile())))
    local large = hostile()
    for i = 1, 3000 do rawset(large, "k" .. i, hostile()) end
    assert.matches("more\n}$", show.value(large))
  end)

  it("as a part of what looks like a table of kavach's is but that", function()
    for _, value in ipairs {
      { exit_code = hostile(), stdout = hostile() }, { exit_code = 0, stdout = hostile() },
      { exit_code = 0, stdout = "x", other = hostile() },
      { ok = true, checks = hostile({ hostile() }) },
      { ok = true, checks = { hostile { name = "n", state = "ok", found = hostile() } } },
      hostile { exit_code = 0, stdout = "x" }, hostile { ok = true, checks = { {} } },
    } do
      assert.is_string(show.value(value))
      assert.is_string(show.value { value })
    end
  end)

  it("in an object of kavach's class is not looked into", function()
    for _, name in ipairs {
      "kavach.err", "kavach.sandbox", "kavach.process", "kavach.task.scheduler", "kavach.batch",
      "kavach.sandbox.pool", "kavach.report", "kavach.guest_policy", "kavach.measure",
      "kavach.attest.evidence", "kavach.attest.decision", "kavach.attest.policy",
    } do
      local class = assert(require(name).class)
      for _, fields in ipairs { {}, {
        vm = hostile(), config = hostile(), kind = hostile(), message = hostile(), op = hostile(),
        ended = hostile(), number = hostile(), argv = hostile(), results = hostile(), done = true,
        list = hostile(), waiting = hostile(), checks = hostile(), evidence = hostile(),
        requires = hostile(), certificates = hostile(), version = hostile(), policy = hostile(),
        measurement = hostile(), digest = hostile(), name = hostile(), id = hostile(),
        state = hostile(), failed = hostile(), last = hostile(), error = hostile(),
        product = hostile(), raw = hostile(), claims = hostile(),
      } } do
        local object = setmetatable(fields, class)
        assert.is_string(show.value(object), name)
        assert.is_string(show.value { object }, name)
        assert.is_string(trace.short(trace.capture(object)), name)
        setmetatable(object, nil) -- it is no whole one, to be closed or collected
      end
    end
  end)

  it("is not taken for what its metatable calls itself", function()
    local shown = show.value(setmetatable({ id = "1-1" }, { __name = "kavach.Sandbox" }))
    assert.equal('<kavach.Sandbox> { id = "1-1" }', shown)
    shown = show.value(setmetatable({}, { __name = "\27]0;x\7" .. ("n"):rep(1000) }))
    assert.is_nil(shown:find "%c")
    assert.is_true(#shown < 100)
  end)

  it("may be raised", function()
    local _, captured = xpcall(error, trace.capture, hostile { 1 })
    assert.matches("^an error that is no text: <with a metatable> { 1 }\n", trace.short(captured))
    assert.matches("an error that is no text", trace.whole(captured))
  end)

  it("cannot move the terminal by any name or text that it has", function()
    local evil = "\27[2J\r\8\u{9b}31m\u{202e}\xff\n"
    local fn = load("local function f(...) error(...) end f(...)", "=" .. evil)
    local _, captured = xpcall(fn, trace.capture, evil .. evil)
    for _, text in ipairs {
      show.value { [evil] = evil, { fn }, [fn] = fn }, show.value(evil:rep(3)), show.value(fn),
      show.value(err.new("io", evil, { op = evil })), trace.short(captured), trace.whole(captured),
      show.value { exit_code = 1, stdout = evil:rep(2), stderr = evil, [evil] = evil },
      show.value { ok = true, backend = evil, checks = {
        { name = evil, state = "ok", found = evil, command = evil, advice = evil },
      } },
    } do
      text = text:gsub("\n", "")
      assert.equal(plain.text(text), text)
    end
  end)
end)
