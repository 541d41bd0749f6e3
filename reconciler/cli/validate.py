"""`reconcile validate`: every error in every manifest, at the branch's head or in files not yet committed."""

from __future__ import annotations
