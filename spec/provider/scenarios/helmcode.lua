-- SPDX-License-Identifier: MIT
-- Helmcode's enterprise service: NaN's, by NaN's page, but for the host.

return {
  extends = "nan",
  base = "/helmcode/v1",
  keys = { ["sk-tu-key-de-helmcode"] = true },
}
