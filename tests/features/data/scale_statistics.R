# Recorded values of tests/features/test_scalestats.py and test_agreement.py.
# Run in this folder: Rscript scale_statistics.R   (R 4, multilevel 2.7, psych 2.2.9)
# scale_answers.csv: simulated answers of 1 to 5 to five items at 14 sites; item4 is reverse-keyed.
suppressPackageStartupMessages({library(multilevel); library(psych)})
options(digits = 12)
if (!file.exists("scale_answers.csv")) {
  set.seed(31)
  size <- c(1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 8, 10)
  site <- rep(sprintf("S%02d", seq_along(size)), size)
  person <- rnorm(length(size), sd = .6)[match(site, unique(site))] + rnorm(length(site))
  load <- c(.9, .8, .7, .8, .5)
  raw <- sapply(load, function(l) 3.2 + l * person + rnorm(length(site), sd = .7))
  raw[, 4] <- 6 - raw[, 4]
  items <- pmin(pmax(round(raw), 1), 5)
  items[cbind(c(9, 23, 40, 58), c(2, 5, 1, 4))] <- NA
  colnames(items) <- paste0("item", 1:5)
  write.csv(data.frame(site, items), "scale_answers.csv", row.names = FALSE, na = "")
}
answers <- read.csv("scale_answers.csv")
answers$item4 <- 6 - answers$item4
whole <- na.exclude(answers)
items <- whole[, -1]
say <- function(name, x) cat(name, format(unname(unlist(x)), digits = 10), "\n")
say("alpha", cronbach(answers[, -1])$Alpha)
say("alpha psych", psych::alpha(items)$total$raw_alpha)
say("item rest", psych::alpha(items)$item.stats$r.drop)
say("alpha without", psych::alpha(items)$alpha.drop$raw_alpha)
fit <- factanal(items, 1, control = list(opt = list(factr = 1)))
say("uniqueness", fit$uniquenesses)
say("omega raw", 1 - sum(fit$uniquenesses * diag(cov(items))) / sum(cov(items)))
say("omega psych ml", suppressWarnings(omega(items, nfactors = 1, fm = "ml", plot = FALSE))$omega.tot)
say("omega of R", 1 - sum(fit$uniquenesses) / sum(cor(items)))
cat("sites ", levels(factor(whole$site)), "\n")
say("rwg.j", rwg.j(items, whole$site, ranvar = 2)$rwg.j)
say("rwg item1", rwg(items$item1, whole$site, ranvar = 2)$rwg)
say("ad.m", ad.m(items, whole$site)$AD.M)
say("ad.m item1", ad.m(items$item1, whole$site)$AD.M)
whole$score <- rowMeans(items)
model <- aov(score ~ site, whole)
say("ICC1 of multilevel, mean size", ICC1(model))
say("ICC2", ICC2(model))
ms <- summary(model)[[1]][, 3]; n <- table(whole$site)
k <- (sum(n) - sum(n^2) / sum(n)) / (length(n) - 1)
say("ICC1, k of unequal sizes", (ms[1] - ms[2]) / (ms[1] + (k - 1) * ms[2]))
even <- whole[whole$site %in% names(n)[n >= 4], ]
even <- do.call(rbind, lapply(split(even, even$site), head, 4))
model <- aov(score ~ site, even)
say("even: ICC1, ICC2", c(ICC1(model), ICC2(model)))
