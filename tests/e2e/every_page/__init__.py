"""Every page of the portal once: the person who sees it, and the steps that lead to it."""
