local err = require "kavach.err"

describe("an error value", function()
  it("prints as its message and carries its kind and fields", function()
    local e = err.new("io", "cannot read x", { op = "get", path = "x" })
    assert.equal("cannot read x", tostring(e))
    assert.equal("io", e.kind)
    assert.equal("get", e.op)
    assert.equal("x", e.path)
  end)

  it("knows exactly the ten kinds", function()
    for kind in ("backend_unavailable creation_failed exec_failed timeout policy_violation "
      .. "attestation_failed invalid_transition invalid_argument io cancelled"):gmatch "%S+" do
      assert.equal(kind, err.new(kind, "m").kind)
    end
    local ok, message = pcall(function() local e = err.new("oops", "m") return e end)
    assert.is_false(ok)
    assert.matches('err_spec.lua:%d+: err.new: unknown kind "oops"', message)
    assert.error_matches(function() err.fail("oops", "m") end, "unknown kind")
    assert.error_matches(function() err.wrap("x", "m", "oops") end, "unknown kind")
  end)

  it("does not let fields replace its kind or message", function()
    local e = err.new("io", "m", { kind = "timeout", message = "other" })
    assert.equal("io", e.kind)
    assert.equal("m", e.message)
  end)

  it("leaves the table of fields alone", function()
    local fields = { op = "x" }
    err.new("io", "m", fields)
    assert.same({ op = "x" }, fields)
  end)

  it("is told apart from other values, and by kind", function()
    local e = err.new("timeout", "m")
    assert.is_true(err.is(e))
    assert.is_true(err.is(e, "timeout"))
    assert.is_false(err.is(e, "io"))
    assert.is_false(err.is { kind = "timeout", message = "m" })
    assert.is_false(err.is "m")
    assert.is_false(err.is(nil))
  end)

  it("is returned after nil by fail", function()
    local value, e = err.fail("cancelled", "stopped")
    assert.is_nil(value)
    assert.is_true(err.is(e, "cancelled"))
  end)

  it("wraps its cause: same kind, a longer message", function()
    local cause = err.new("timeout", "no answer")
    local e = err.wrap(cause, "booting")
    assert.equal("booting: no answer", tostring(e))
    assert.equal("timeout", e.kind)
    assert.equal(cause, e.cause)
    assert.equal("creation_failed", err.wrap(cause, "booting", "creation_failed").kind)
    assert.equal("io", err.wrap("raised text", "booting").kind)
  end)
end)
